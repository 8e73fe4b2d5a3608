#!/usr/bin/env bash
# Prints all that syncs make of a guest, for comparison; after a line --, how often setup scripts ran; and after another,
# what a session left that should have ended with it: processes, and the lock of the guest work. It runs as root.
#
# What differs from run to run is left out: passwords and their age, and the ids of runs.
set -Eeuo pipefail

cat /etc/passwd /etc/group /etc/subuid /etc/subgid
cut -d: -f1 /etc/shadow | sort
cut -d: -f1,3- /etc/gshadow | sort
find /home /tmp /var/lib/dvm /etc/sudoers.d ! -name '*.runs' -printf '%p %u %g %m %y %l\n' | sort
find /home -type f ! -name '*.runs' -printf '%p %s\n' | sort
cat /etc/sudoers.d/*
ls /var/lib/packages 2>/dev/null || true
(cd /etc && find . -maxdepth 1 \( -name '*.lock' -o -name '*+' -o -name '*.new' -o -type p \) ! -name .pwd.lock | sort)
for file in /var/lib/dvm/setup/*; do
	[[ -e $file ]] || continue
	read -r hash _ id <"$file"
	echo "${file##*/} $hash $id"
done
printf '\n--\n'
for file in /home/*.guest/*.runs; do
	[[ -e $file ]] || continue
	sed "s/^/$(basename "$file" .runs) /" "$file"
done
printf '\n--\n'
own=$(ps -o sid= -p $$)
ps -eo pid=,sid=,args= | while read -r pid sid words; do
	[[ $pid == 1 || $sid == "${own// /}" ]] || echo "process $words"
done
flock -n /home/*.guest true || echo 'the lock of the guest work'
