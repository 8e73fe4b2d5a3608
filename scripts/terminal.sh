#!/usr/bin/env bash
# Defines settle_terminal, for what runs on a terminal.
#
# It comes before the text of another script.
set -uo pipefail

# settle_terminal makes of TERM one that the guest can drive: kitty, ghostty and foot bring their own description, which is
# on the host alone.
settle_terminal() {
	local dir
	[[ -n ${TERM-} ]] || return 0
	for dir in ~/.terminfo /etc/terminfo /usr/share/terminfo /lib/terminfo; do
		[[ ! -e $dir/${TERM::1}/$TERM ]] || return 0
	done
	TERM=xterm-256color
}
