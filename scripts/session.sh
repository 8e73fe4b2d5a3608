#!/usr/bin/env bash
# Runs the guest steps of one sync, in order, and reports each as it goes. A session in which nothing is to do needs nothing
# but this: what else there is to know, work.sh and the steps' own scripts and values, it asks the host for.
#
# Inputs, as shell variables that stand before this text on the wire:
#   session_nonce      a secret of this session; it starts every marker
#   session_mode       apply, or check to change nothing
#   session_boot_wait  seconds that the boot may still take
#   session_lock_wait  seconds that another session's guest work may still take
#   session_values     shell assignments that every step may read (DVM_USER=..., ...)
#   session_paths      an array of the paths, all absolute, that looks ask find_file about; files.sh comes after it
#   step_name[i]       for messages; the other arrays have the same indices
#   step_look[i]       the text of a script that defines look, with the values that it needs; nothing where the step has a check
#   step_force[i]      1: apply runs also where the check finds nothing to do
#   step_builds[i]     1: its check may answer otherwise once an earlier step has been applied
#
# A step's check writes a line that says why to stdout, a second one with a user's name if it proposes one, and ends with
#   0  it is so already      1  something is to do      else  it can't be done, or must not be
# or 3 where an earlier step has to be applied before it can tell, which only a session that changes nothing can meet.
# An apply is followed by a second check.
#
# A look is a check that runs in the session's own shell, since a fork costs more than what it does: it sets why, and returns.
# It runs no process, and leaves nothing behind that another step would mind. errexit is ignored in it.
#
# Results: markers on stdout, one a line: NONCE EVENT INDEX STATUS TEXT. Everything else goes to stderr, where a line
# NONCE INDEX is a fence: all output of that step came before it. Steps have no way to the stream of the markers.
#
# stdin stays open as long as the host wants the session to live. When it ends, so does all that the session started.
#
# shellcheck disable=SC2154,SC2034 # the inputs are assigned before this text, and looks read what find_file sets
set -uo pipefail

session() {
	exec 3>&1 4<&0 1>&2 </dev/null
	# The lock belongs to the open file, and so to the watcher too: it is free when the work has ended, not before.
	exec 5<"$HOME"
	emit hello 0 0 ""
	session_watcher="" session_locked="" session_first=""
	eval "$session_values"
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

# host_gone tells it where nothing watches: stdin, on which nothing comes unless it is asked for, is at its end.
host_gone() { read -r -t 0 -u 4; }

# fetch_work comes before whatever may last or has processes.
fetch_work() {
	local length text
	[[ -z $session_watcher ]] || return 0
	emit more 0 0 ""
	{ IFS= read -r -u 4 length && LC_ALL=C IFS= read -rN "$length" -u 4 text; } || exit
	eval "$text"
	begin_watch
}

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

# run_step fails where the steps after it must not run.
run_step() {
	local i=$1 why status
	emit begin "$i" 0 ""
	first_check "$i"
	if ((status == 1)) && [[ $session_mode == apply ]]; then
		fetch_work
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
	if [[ -n ${step_look[$1]} ]]; then
		why=""
		eval "${step_look[$1]}"
		if look; then
			status=0
		else
			status=$?
		fi
		set +e
	else
		fetch_work
		why=$(
			exec 3>&- 4<&- 5<&- 6<&-
			eval "$session_values"
			eval "${step_values[$1]}"
			eval "${step_script[$1]}"
			check
		)
		status=$?
	fi
	why=${why:0:1000}
}

# find_file PATH sets file_type, file_uid, file_owner and file_mode. It fails for what is not there, or out of sight.
find_file() {
	local line=$'\n'$1:
	[[ -n $session_files_known ]] || find_files
	[[ $session_files == *"$line"* ]] || return 1
	line=${session_files#*"$line"}
	line=${line%%$'\n'*}
	file_type=${line%%:*} line=${line#*:}
	file_uid=${line%%:*} line=${line#*:}
	file_owner=${line%%:*} file_mode=${line#*:}
}

# find_files ends with the host also where a file system does not answer. It reads all at once: bash would read a line of a pipe by
# single letters, and wait for each.
find_files() {
	local text status=0
	session_files=$'\n' session_files_known=1
	[[ -n $session_asked ]] || ask_files
	while ((status != 1)); do
		IFS= read -r -t 1 -N 65536 -u 6 text
		status=$?
		session_files+=$text # the second may have ended within it
		if ((status > 128)) && host_gone; then
			kill -KILL "$session_asked"
			exit
		fi
	done
	session_asked=""
	exec 6<&-
}
