#!/usr/bin/env bash
# Prints all that syncs make of a guest, for comparison; after a line --, how often setup scripts ran; and after another,
# what a session left that should have ended with it: processes, and the lock of the guest work. It runs as root.
#
# What differs from run to run is left out: passwords and their age, and the ids of runs; and the shadows of the system's
# accounts, which a guest that is run without root lacks.
set -Eeuo pipefail

cat /etc/passwd /etc/group /etc/subuid /etc/subgid
awk -F: 'NR == FNR {ours[$1] = $3 >= 1000 && $3 <= 60000; next} ours[$1] {print $1}' /etc/passwd /etc/shadow | sort
awk -F: 'NR == FNR {ours[$1] = $3 >= 1000 && $3 <= 60000 || $1 == "dvm-sudo"; next} ours[$1] {print $1, $3, $4}' \
	/etc/group /etc/gshadow | sort
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
