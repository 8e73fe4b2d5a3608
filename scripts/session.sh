#!/usr/bin/env bash
# Runs the guest steps of one sync, in order, and reports each as it goes.
#
# Inputs, as shell variables that stand before this text on the wire:
#   session_nonce      a secret of this session; it starts every marker
#   session_mode       apply, or check to change nothing
#   session_boot_wait  seconds that the boot may still take
#   session_lock_wait  seconds that another session's guest work may still take
#   session_turn_wait  seconds that a step waits for its turn, see below
#   session_values     shell assignments that every step may read (DVM_USER=..., ...)
#   session_paths      an array of the paths, all absolute, that looks ask find_file about
#   step_name[i]       for messages; the other arrays have the same indices
#   step_root[i]       1: apply runs as root, else as Lima's account
#   step_force[i]      1: apply runs also where the check finds nothing to do
#   step_builds[i]     1: its check may answer otherwise once an earlier step has been applied
#   step_looks[i]      1: it has a look, else a check
#   step_tells[i]      1: what its check says after an apply is told, on a second line of the text
#   step_values[i]     shell assignments for this step alone
#   step_script[i]     the text of a script that defines apply, and look or check
#   step_turn[i]       the text of a script that defines busy, or nothing
#
# A step's check writes a line that says why to stdout, a second one with a user's name if it proposes one, and ends with
#   0  it is so already      1  something is to do      else  it can't be done, or must not be
# or 3 where an earlier step has to be applied before it can tell, which only a session that changes nothing can meet.
# An apply is followed by a second check.
#
# A look is a check that runs in the session's own shell, since a fork costs more than what it does: it sets why, and returns.
# It runs no process, and leaves nothing behind that another step would mind. errexit is ignored in it.
#
# A step's busy writes what else in the guest the apply must not meet, and succeeds while that goes on. It is waited for
# before an apply, and after one that failed because the other came first; the apply is then tried again. A step whose turn
# does not come is late, and nothing of it is applied.
#
# Results: markers on stdout, one a line: NONCE EVENT INDEX STATUS TEXT. Everything else goes to stderr, where a line
# NONCE INDEX is a fence: all output of that step came before it. Steps have no way to the stream of the markers.
#
# stdin stays open as long as the host wants the session to live. When it ends, so does all that the session started.
#
# endsessions.sh comes before it, for that.
#
# shellcheck disable=SC2154,SC2034 # the inputs are assigned before this text, and looks read what find_file sets
set -uo pipefail

session() {
	exec 3>&1 4<&0 1>&2 </dev/null
	# The lock belongs to the open file, and so to the watcher too: it is free when the work has ended, not before.
	exec 5<"$HOME"
	emit hello 0 0 ""
	session_watcher="" session_locked="" session_first="" session_files_known=""
	if wait_for_boot; then
		local i failed
		for i in "${!step_name[@]}"; do
			# Not in a condition, where bash would ignore errexit in all that the step runs.
			run_step "$i"
			failed=$?
			((failed == 0)) || break
		done
	fi
	# Before the host is told, which then closes stdin: what a script left running on purpose is to live on.
	[[ -z $session_watcher ]] || kill "$session_watcher"
	emit end 0 0 ""
}

emit() { printf '%s %s %s %s %s\n' "$session_nonce" "$1" "$2" "$3" "${4//$'\n'/$'\t'}" >&3; }

# fence follows a line break, since what came before may have ended without one.
fence() { printf '\n%s %s\n' "$session_nonce" "$1" >&2; }

# begin_watch comes before whatever may last or has processes. A session of looks alone spends none on it.
begin_watch() {
	[[ -z $session_watcher ]] || return 0
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
	sudo -n bash -c "$(declare -f end_sessions find_members)"'; end_sessions "$1" "$2"' watch_host "$BASHPID" "$session"
}

# host_gone tells it where nothing watches: stdin, on which no more is to come, is at its end.
host_gone() { read -r -t 0 -u 4; }

wait_for_boot() {
	# Seconds slept are counted: the clock of a guest that boots may jump.
	local waited=0
	[[ -e /run/lima-boot-done ]] && return
	emit booting 0 0 ""
	until [[ -e /run/lima-boot-done ]]; do
		! host_gone || exit
		if ((waited++ >= session_boot_wait)); then
			emit refused 0 0 "the guest has not booted within $session_boot_wait s"
			return 1
		fi
		sleep 1
	done
}

# begin_work keeps two sessions' changes from mixing. It comes before the first change, so that a session that changes
# nothing spends no process on it. It fails with 2 where it had to wait: what was checked may have changed since.
begin_work() {
	[[ -z $session_locked ]] || return 0
	session_locked=1
	begin_watch
	flock -n 5 && return
	emit locked "$1" 0 ""
	flock -w "$session_lock_wait" 5 || return 1
	session_files_known=""
	return 2
}

# run_step fails where the steps after it must not run.
run_step() {
	local i=$1 why status
	emit begin "$i" 0 ""
	first_check "$i"
	if ((status == 1)) && [[ $session_mode == apply ]]; then
		begin_work "$i"
		case $? in
		0) ;;
		2) first_check "$i" ;;
		*)
			fence "$i"
			emit late "$i" 0 "another sync's work in the guest has not ended within $session_lock_wait s"
			return 1
			;;
		esac
	fi
	if [[ $session_mode == check ]]; then
		foresee "$i"
		return
	fi
	case $status in
	0)
		fence "$i"
		emit ok "$i" 0 "$why"
		;;
	1) apply_and_check "$i" ;;
	*)
		fence "$i"
		emit refused "$i" "$status" "$why"
		return 1
		;;
	esac
}

# foresee says what an apply would make of the step. It fails where the steps after it would not run.
foresee() {
	local i=$1
	fence "$i"
	if [[ -n $session_first && ${step_builds[i]} == 1 && ${step_force[i]} != 1 ]] || ((status == 3)); then
		emit unknown "$i" 0 "$session_first comes first; now: $why"
	elif ((status == 0)); then
		emit ok "$i" 0 "$why"
		return
	elif ((status == 1)); then
		emit change "$i" 0 "$why"
	else
		emit refused "$i" "$status" "$why"
		return 1
	fi
	session_first=${session_first:-${step_name[i]}}
}

first_check() {
	check_step "$1"
	if ((status == 0)) && [[ ${step_force[$1]} == 1 ]]; then
		status=1 why="DVM_FORCE=1"
	fi
}

# check_step sets why and status of the step's check.
check_step() {
	if [[ ${step_looks[$1]} == 1 ]]; then
		why=""
		eval "$session_values"
		eval "${step_values[$1]}"
		eval "${step_script[$1]}"
		if look; then
			status=0
		else
			status=$?
		fi
		set +e
	else
		begin_watch
		why=$(
			exec 3>&- 4<&- 5<&-
			eval "$session_values"
			eval "${step_values[$1]}"
			eval "${step_script[$1]}"
			check
		)
		status=$?
	fi
	why=${why:0:1000}
}

# find_file PATH sets file_type, file_uid, file_owner and file_mode. It fails for what is not there, or out of sight. One
# process answers for the files of all steps, until one is applied.
find_file() {
	local line
	[[ -n $session_files_known ]] || find_files
	for line in "${session_files[@]}"; do
		if [[ $line == "$1:"* ]]; then
			IFS=: read -r _ file_type file_uid file_owner file_mode <<<"$line"
			return
		fi
	done
	return 1
}

# find_files ends with the host also where a file system does not answer.
find_files() {
	local line status=0
	session_files=() session_files_known=1
	exec 6< <(exec 3>&- 4<&- 5<&- && LC_ALL=C exec stat -c '%n:%F:%u:%U:%a' -- "${session_paths[@]}" 2>/dev/null)
	while ((status == 0 || status > 128)); do
		IFS= read -r -t 1 -u 6 line
		status=$?
		if ((status == 0)); then
			session_files+=("$line")
		elif ((status > 128)) && host_gone; then
			kill -KILL "$!"
			exit
		fi
	done
	exec 6<&-
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
		session_files_known=""
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

# is_busy sets other to what the step must wait for, and fails where there is nothing.
is_busy() {
	[[ -n ${step_turn[$1]} ]] || return 1
	other=$(
		exec 3>&- 4<&- 5<&-
		eval "${step_turn[$1]}"
		busy
	) || return 1
	other=${other:0:200}
}

apply_step() {
	local i=$1
	if [[ ${step_root[i]} == 1 ]]; then
		# The program goes over stdin, where ps can't see it.
		sudo -n bash -c 'eval "$(</dev/stdin)"' 3>&- 4<&- 5<&- <<<"$session_values
${step_values[i]}
${step_script[i]}
apply </dev/null"
	else
		(
			exec 3>&- 4<&- 5<&-
			eval "$session_values"
			eval "${step_values[i]}"
			eval "${step_script[i]}"
			apply
		)
	fi
}
