#!/usr/bin/env bash
# Becomes the login shell of the user that runs it, in a directory, or in the home where there is none.
#
# Arguments: DIRECTORY. TERM is what the host's terminal calls itself.
set -uo pipefail

# known_terminal tells whether the guest can drive that kind of terminal: kitty, ghostty and foot bring their own
# description, which is on the host alone.
known_terminal() {
	local dir
	for dir in ~/.terminfo /etc/terminfo /usr/share/terminfo /lib/terminfo; do
		[[ -e $dir/${TERM::1}/$TERM ]] && return
	done
	return 1
}

SHELL=/bin/bash
while IFS=: read -r _ _ uid _ _ _ shell; do
	if [[ $uid == "$EUID" ]]; then
		SHELL=$shell
		break
	fi
done </etc/passwd
export SHELL
if [[ -n ${TERM-} ]] && ! known_terminal; then
	TERM=xterm-256color
fi
if [[ -d /run/user/$EUID ]]; then
	export XDG_RUNTIME_DIR=/run/user/$EUID
fi
cd -- "$1" 2>/dev/null || cd || exit
exec -l "$SHELL"
