#!/usr/bin/env bash
# Asks the guest for the files that looks need. It is the first of a session's program, so that the answer comes while the rest is
# read, and while the steps look that need none.
#
# Inputs: session_paths, see session.sh.
#
# shellcheck disable=SC2154,SC2034 # it is assigned before this text, and session.sh reads what is set here
set -uo pipefail

# ask_files has one process answer for the files of all steps, on the descriptor 6.
ask_files() {
	exec 6< <(exec 3>&- 4<&- 5<&- </dev/null 2>/dev/null && LC_ALL=C exec stat -c '%n:%F:%u:%U:%a' -- "${session_paths[@]}")
	session_asked=$!
}

# forget_files is for when they may have changed.
forget_files() {
	session_files_known="" session_asked=""
	exec 6<&-
}

# begin_files asks at once, unless the guest boots, and so is still to change.
begin_files() {
	forget_files
	[[ ! -e /run/lima-boot-done ]] || ask_files
}
