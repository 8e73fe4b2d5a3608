#!/usr/bin/env bash
# What a session needs once a step has more to do than to look. It is evaluated in session.sh's shell.
#
# Inputs, as shell variables that stand before this text on the wire, with indices as in session.sh:
#   session_turn_wait  seconds that a step waits for its turn, see below
#   step_root[i]       1: apply runs as root, else as Lima's account
#   step_tells[i]      1: what its check says after an apply is told, on a second line of the text
#   step_values[i]     shell assignments for this step alone
#   step_script[i]     the text of a script that defines apply, and look or check
#   step_turns[i]      1: apply must not meet a package transaction of another program
#
# The end of one is waited for before an apply, and after one that failed because the other came first; the apply is then tried
# again. A step whose turn does not come is late, and nothing of it is applied.
#
# transaction.sh and endsessions.sh come before it, for what is left when the host goes away.
#
# shellcheck disable=SC2154,SC2034 # the inputs are assigned before this text, and session.sh reads what is set here
set -uo pipefail

begin_watch() {
	watch_host &
	session_watcher=$!
	disown
}

# watch_host ends the session's processes when the host goes away. Root does it, because steps have children that are root's.
watch_host() {
	exec 3>&- 2>/dev/null 1>&2
	local rest stat session
	while read -r -u 4 rest; do :; done
	trap '' TERM
	read -r stat </proc/self/stat
	read -r _ _ _ session _ <<<"${stat##*) }"
	# shellcheck disable=SC2016 # for the inner shell
	sudo -n bash -c "$(declare -f find_transaction end_sessions await_transaction find_members)"'; end_sessions "$1" "$2"' watch_host "$BASHPID" "$session"
}

# begin_work keeps two sessions' changes from mixing. It comes before the first change, so that a session that changes
# nothing spends no process on it. It fails with 2 where it had to wait: what was checked may have changed since.
begin_work() {
	[[ -z $session_locked ]] || return 0
	session_locked=1
	flock -n 5 && return
	emit locked "$1" 0 ""
	flock -w "$session_lock_wait" 5 || return 1
	forget_files
	return 2
}

apply_and_check() {
	local i=$1 before=$why
	local waited=0 other
	emit apply "$i" 0 "$why"
	while :; do
		if ! await_turn "$i"; then
			fence "$i"
			emit late "$i" 0 "waited $waited s $other"
			return 1
		fi
		forget_files
		apply_step "$i"
		status=$?
		if ((status == 0)) || ! is_busy "$i"; then
			break
		fi
	done
	if ((status != 0)); then
		fence "$i"
		emit failed "$i" "$status" "$before"
		return 1
	fi
	check_step "$i"
	fence "$i"
	if ((status != 0)); then
		emit failed "$i" 0 "applied, and yet: $why"
		return 1
	fi
	if [[ ${step_tells[i]} == 1 ]]; then
		before=${before%%[$'\n\t']*}$'\n'$why
	fi
	emit changed "$i" 0 "$before"
}

# await_turn fails where the turn does not come in time. All waiting of a step counts, in waited.
await_turn() {
	local said=
	while is_busy "$1"; do
		((waited < session_turn_wait)) || return 1
		waited=$((waited + 1))
		[[ $other == "$said" ]] || emit waits "$1" 0 "$other"
		said=$other
		sleep 1
	done
}

# is_busy sets other to what a step must wait for, and fails where there is nothing.
is_busy() {
	[[ ${step_turns[$1]} == 1 ]] || return 1
	other=$(exec 3>&- 4<&- 5<&- 6<&- && busy) || return 1
	other=${other:0:200}
}

apply_step() {
	local i=$1
	if [[ ${step_root[i]} == 1 ]]; then
		# The program goes over stdin, where ps can't see it.
		sudo -n bash -c 'eval "$(</dev/stdin)"' 3>&- 4<&- 5<&- 6<&- <<<"$session_values
${step_values[i]}
${step_script[i]}
apply </dev/null"
	else
		(
			exec 3>&- 4<&- 5<&- 6<&-
			eval "$session_values"
			eval "${step_values[i]}"
			eval "${step_script[i]}"
			apply
		)
	fi
}
