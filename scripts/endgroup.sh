#!/usr/bin/env bash
# Ends the process groups that have a process with a nonce, read from stdin, in its arguments: politely, then for good.
# It runs as root, since the processes are another user's.
set -uo pipefail

IFS= read -r nonce
[[ -n $nonce ]] || exit
groups=()
for dir in /proc/[0-9]*; do
	if { mapfile -d '' -t words <"$dir/cmdline"; } 2>/dev/null && [[ " ${words[*]} " == *" $nonce "* ]]; then
		stat=
		read -r stat <"$dir/stat"
		read -r _ _ group _ <<<"${stat##*) }"
		groups+=("-$group")
	fi
done
((${#groups[@]} > 0)) || exit 0
kill -TERM -- "${groups[@]}" 2>/dev/null
for ((tries = 0; tries < 20; tries++)); do
	kill -0 -- "${groups[@]}" 2>/dev/null || exit 0
	sleep 0.1
done
kill -KILL -- "${groups[@]}" 2>/dev/null
