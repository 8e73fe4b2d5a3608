#!/usr/bin/env bash
# Lists what somebody runs in this guest by way of ssh, so that a restart would end it: shells, commands of dvm ssh, the guest
# work of a sync. Run as root. Services are not listed: they come back by themselves.
#
# Argument: NONCE. Result on stdout: a line NONCE, lines `COMMAND (pid N, USER)` for what has no children, and done at the end. Who
# reads it must not trust it.
#
# What came by ssh has an environment that says so, and what sudo then started has one that names its caller. Of that, agents
# that commands leave behind are nobody's work: the next command starts them anew.
set -uo pipefail

# is_own PID: this program, or what it was started by.
is_own() { [[ $own == *" $1 "* ]]; }

printf '%s\n' "$1"
own=" $$ "
pid=$$
while ((pid > 1)) && read -r stat <"/proc/$pid/stat"; do
	read -r _ pid _ <<<"${stat##*) }"
	own+="$pid "
done 2>/dev/null

declare -A parent=()
for dir in /proc/[0-9]*; do
	pid=${dir#/proc/}
	{ read -r stat <"$dir/stat"; } 2>/dev/null || continue
	read -r state above _ <<<"${stat##*) }"
	# Not the children of what started this one: with one connection for all, the same sshd is the parent of everybody's.
	if [[ $state == [ZX] ]] || is_own "$pid"; then
		continue
	fi
	while IFS= read -r -d '' pair; do
		if [[ $pair == SSH_CONNECTION=* || $pair == SUDO_UID=* ]]; then
			parent[$pid]=$above
			break
		fi
	done 2>/dev/null <"$dir/environ"
done

declare -A has_child=()
for pid in "${!parent[@]}"; do
	has_child[${parent[$pid]}]=1
done
for pid in "${!parent[@]}"; do
	[[ -z ${has_child[$pid]:-} ]] || continue
	{ read -r name <"/proc/$pid/comm" && user=$(stat -c %U -- "/proc/$pid"); } 2>/dev/null || continue
	case $name in
	ssh-agent | gpg-agent | dirmngr | keyboxd | scdaemon | catatonit | dbus-daemon | dbus-broker*) continue ;;
	esac
	printf '%s (pid %s, %s)\n' "$name" "$pid" "$user"
done
echo 'done'
