#!/usr/bin/env bash
# Ends process sessions, with all that was started in them and has not lost its parent: what has a process group of its own, as
# timeout and job control give one, and what has a session of its own, as su -c does.
#
# transaction.sh comes before it, and the text of another script after it. Run as root, since the processes are other users' too.
set -uo pipefail

# end_sessions SPARED SESSION... ends them politely, then for good, but none while it changes packages. SPARED is a process that
# is left alone, with what is between it and this one; 0 is none.
end_sessions() {
	local spared=$1 session tries patience=18000 # tenths of a second, with package transactions
	local -A members=() groups=() sessions=()
	shift
	for session; do
		sessions[$session]=1
	done
	trap '' TERM
	find_members
	await_transaction
	# All of a group at once: a shell that outlived its command would say how that ended.
	kill -TERM -- "${!groups[@]}" 2>/dev/null
	for ((tries = 0; tries < 40 && ${#members[@]} > 0; tries++)); do
		await_transaction # which may have begun since
		((tries < 15)) || kill -KILL -- "${!members[@]}" 2>/dev/null
		sleep 0.1
		find_members
	done
}

# await_transaction waits for the end of a member's package transaction, which rpm keeps signals from, too. Half of one is no
# state to leave a system in: packages there twice, and what is to happen last not done.
await_transaction() {
	local holder waited=
	while ((patience > 0)) && find_transaction && [[ -n ${members[$holder]-} ]]; do
		waited=1 patience=$((patience - 1))
		sleep 0.1
	done
	[[ -z $waited ]] || find_members
}

# find_members sets members to the processes of the sessions and what these have started, and adds their sessions to those, and
# their groups, negative, as kill wants them, to groups.
find_members() {
	local stat pid state parent group session next=$$ more=1
	local -A parents=() group_of=() session_of=()
	for stat in /proc/[0-9]*/stat; do
		# The whole file: a name may hold anything.
		IFS= read -r -d '' stat 2>/dev/null <"$stat"
		read -r state parent group session _ <<<"${stat##*) }"
		pid=${stat%% *}
		[[ -z $session || $state == [ZX] ]] || parents[$pid]=$parent group_of[$pid]=$group session_of[$pid]=$session
	done 2>/dev/null
	while [[ -n ${parents[$next]-} ]]; do
		pid=$next next=${parents[$next]}
		unset "parents[$pid]"
		[[ $pid != "$spared" ]] || break
	done
	members=()
	while [[ -n $more ]]; do
		more=
		for pid in "${!parents[@]}"; do
			session=${session_of[$pid]}
			[[ -n ${sessions[$session]-} || -n ${members[${parents[$pid]}]-} ]] || continue
			members[$pid]=1 groups[-${group_of[$pid]}]=1 sessions[$session]=1 more=1
			unset "parents[$pid]"
		done
	done
}
