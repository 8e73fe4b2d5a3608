#!/usr/bin/env bash
# Becomes the login shell of the user that runs it, in a directory, or in the home where there is none.
#
# Arguments: DIRECTORY. TERM is what the host's terminal calls itself. terminal.sh comes before it.
#
# PATH begins as it does for a command: Fedora sees to that for bash alone.
set -uo pipefail

SHELL=/bin/bash
while IFS=: read -r _ _ uid _ _ _ shell || [[ -n $uid ]]; do
	if [[ $uid == "$EUID" ]]; then
		SHELL=$shell
		break
	fi
done </etc/passwd
export SHELL
settle_terminal
if [[ -d /run/user/$EUID ]]; then
	export XDG_RUNTIME_DIR=/run/user/$EUID
fi
unset SUDO_COMMAND # this text; SUDO_UID stays, by which inuse.sh tells what came from here
PATH=~/.local/bin:~/bin:$PATH
cd -- "$1" 2>/dev/null || cd || exit
exec -l "$SHELL"
