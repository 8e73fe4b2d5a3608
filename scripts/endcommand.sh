#!/usr/bin/env bash
# Ends the process sessions that have a process with a nonce in its arguments. It runs as root, and transaction.sh and
# endsessions.sh come before it.
#
# Inputs: two lines on stdin, the nonce, and `may begin` where there may be no such process yet.
set -uo pipefail

# find_sessions sets found to their ids.
find_sessions() {
	local dir words stat session
	found=()
	for dir in /proc/[0-9]*; do
		if { mapfile -d '' -t words <"$dir/cmdline"; } 2>/dev/null && [[ " ${words[*]} " == *" $nonce "* ]]; then
			stat=
			{ IFS= read -r -d '' stat <"$dir/stat"; } 2>/dev/null
			read -r _ _ _ session _ <<<"${stat##*) }"
			[[ -z $session ]] || found+=("$session")
		fi
	done
}

IFS= read -r nonce
IFS= read -r may
[[ -n $nonce ]] || exit
find_sessions
for ((tries = 0; tries < 20 && ${#found[@]} == 0; tries++)); do
	[[ $may == 'may begin' ]] || exit 0
	sleep 0.1
	find_sessions
done
((${#found[@]} > 0)) || exit 0
end_sessions 0 "${found[@]}"
