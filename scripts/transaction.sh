#!/usr/bin/env bash
# Tells whether a transaction of dnf5 runs in the guest, such as the update of a first boot. A second one does not wait
# for its end, but fails once it has downloaded everything; or, from dnf5 5.4 on, waits without end for any dnf5, also for one
# that is at its prompt (lock_system_repo in dnf5/context.cpp).
#
# It looks at the kernel's list of locks, since to try the lock would be to take it.
set -uo pipefail

# find_transaction sets holder to the process that changes packages.
find_transaction() {
	local lock=/run/dnf/rpmtransaction.lock major minor inode found file
	found=$(stat -c '%Hd %Ld %i' -- "$lock" 2>/dev/null) || return 1
	read -r major minor inode <<<"$found"
	printf -v found '%02x:%02x:%s' "$major" "$minor" "$inode"
	# 1: POSIX ADVISORY WRITE 1234 00:19:42 0 EOF
	while read -r _ _ _ _ holder file _; do
		[[ $file != "$found" ]] || return 0
	done </proc/locks
	return 1
}

# find_dnf sets holder to a dnf5 that others wait for. On btrfs the kernel's list has another device than stat, so that the
# file's inode and the program's name tell.
find_dnf() {
	local lock inode kind file name
	for lock in /var/lib/dnf/system-repo.lock /usr/lib/sysimage/libdnf5/system-repo.lock; do
		inode=$(stat -c %i -- "$lock" 2>/dev/null) || continue
		while read -r _ kind _ _ holder file _; do
			[[ $kind != '->' && ${file##*:} == "$inode" ]] || continue # that one waits
			{ read -r name <"/proc/$holder/comm"; } 2>/dev/null || continue
			[[ $name != dnf5* ]] || return 0
		done </proc/locks
	done
	return 1
}

busy() {
	local holder name=""
	find_transaction || find_dnf || return 1
	{ read -r name <"/proc/$holder/comm"; } 2>/dev/null || true # the lock may have no process, or one that just ended
	echo "for the package transaction of ${name:-another program} to end"
}
