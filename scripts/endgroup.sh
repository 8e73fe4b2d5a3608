#!/usr/bin/env bash
# Ends the process groups that have a process with a nonce in its arguments: politely, then for good. It runs as root, since
# the processes are another user's.
#
# Inputs: two lines on stdin, the nonce, and `may begin` where there may be no such process yet.
set -uo pipefail

# find_groups sets groups to their ids, negative, as kill wants them.
find_groups() {
	local dir words stat group
	groups=()
	for dir in /proc/[0-9]*; do
		if { mapfile -d '' -t words <"$dir/cmdline"; } 2>/dev/null && [[ " ${words[*]} " == *" $nonce "* ]]; then
			stat=
			{ read -r stat <"$dir/stat"; } 2>/dev/null
			read -r _ _ group _ <<<"${stat##*) }"
			[[ -z $group ]] || groups+=("-$group")
		fi
	done
}

IFS= read -r nonce
IFS= read -r may
[[ -n $nonce ]] || exit
find_groups
for ((tries = 0; tries < 20 && ${#groups[@]} == 0; tries++)); do
	[[ $may == 'may begin' ]] || exit 0
	sleep 0.1
	find_groups
done
((${#groups[@]} > 0)) || exit 0
kill -TERM -- "${groups[@]}" 2>/dev/null
for ((tries = 0; tries < 20; tries++)); do
	kill -0 -- "${groups[@]}" 2>/dev/null || exit 0
	sleep 0.1
done
kill -KILL -- "${groups[@]}" 2>/dev/null
