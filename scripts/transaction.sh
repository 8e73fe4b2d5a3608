#!/usr/bin/env bash
# Tells whether a transaction of dnf5 runs in the guest, such as the update of a first boot. A second one does not wait
# for its end, but fails once it has downloaded everything.
#
# It looks at the kernel's list of locks, since to try the lock would be to take it.
set -Eeuo pipefail

busy() {
	local lock=/run/dnf/rpmtransaction.lock major minor inode found pid file name=""
	found=$(stat -c '%Hd %Ld %i' -- "$lock" 2>/dev/null) || return 1
	read -r major minor inode <<<"$found"
	printf -v found '%02x:%02x:%s' "$major" "$minor" "$inode"
	# 1: POSIX ADVISORY WRITE 1234 00:19:42 0 EOF
	while read -r _ _ _ _ pid file _; do
		if [[ $file == "$found" ]]; then
			{ read -r name <"/proc/$pid/comm"; } 2>/dev/null || true # the lock may have no process, or one that just ended
			echo "for the package transaction of ${name:-another program} to end"
			return
		fi
	done </proc/locks
	return 1
}
