#!/usr/bin/env bash
# Puts a stand-in before some commands of the guest, which holds one call of one of them at a point, so that a test can
# act there. It runs as root.
#
# Input: the point, COMMAND#N:WHEN, where WHEN is
#   before, after   the call
#   stubborn        before it, and deaf to SIGTERM
#   fails           in its place: it exits with 1
#   fails-after     after it: so too
#   inside=FILE     in its midst: before it has made the backup of this file of /etc, where it blocks on a pipe
#   inside=home     useradd: as if it had come no further than to an empty home of root's
#
# /run/crash/reached says that it has come to the call. A held call never goes on. A command without a real one does nothing.
set -Eeuo pipefail

install -d -m 1777 /run/crash
printf '%s\n' "$1" >/run/crash/point
cat >/run/crash/hook <<'HOOK'
#!/bin/bash
name=${0##*/}
real=$(PATH=/usr/sbin:/usr/bin type -P "$name") || real=/usr/bin/true
for file in /etc/*-; do
	[[ ! -p $file ]] || /usr/bin/rm -f "$file"
done
[[ -e /run/crash/point ]] || exec "$real" "$@"
n=1
until /usr/bin/mkdir "/run/crash/$name#$n" 2>/dev/null; do
	n=$((n + 1))
done
point=$(</run/crash/point)
[[ $point == "$name#$n:"* ]] || exec "$real" "$@"
hold() {
	: >/run/crash/reached
	exec sleep 4242
}
case $point in
*:before) hold ;;
*:stubborn)
	trap '' TERM
	hold
	;;
*:after)
	"$real" "$@"
	hold
	;;
*:fails)
	: >/run/crash/reached
	exit 1
	;;
*:fails-after)
	"$real" "$@"
	: >/run/crash/reached
	exit 1
	;;
*:inside=home)
	"$real" "$@"
	home=/home/${*: -1}
	find "$home" -mindepth 1 -delete
	chown root:root "$home"
	chmod 755 "$home"
	hold
	;;
*:inside=*)
	file=${point#*=}
	/usr/bin/rm -f "$file"
	mkfifo "$file"
	"$real" "$@" &
	until [[ ! -e /proc/$!/wchan || $(</proc/$!/wchan) == *wait_for_partner* ]]; do
		sleep 0.01
	done
	[[ ! -e /proc/$!/wchan ]] || : >/run/crash/reached
	wait
	;;
esac
HOOK
chmod 755 /run/crash/hook
mv /run/crash/hook /usr/local/bin/crash-hook
for name in flock useradd usermod groupadd gpasswd chown chmod mkdir stat install rm mv dnf5 touch midway; do
	ln -sf crash-hook "/usr/local/bin/$name"
done
