#!/usr/bin/env bash
# Defines read_words, for a command that is too long for a command line.
#
# It comes before the text of another script.
set -uo pipefail

# read_words sets words to what goes ahead on stdin: the length in bytes of what follows, and words, each ended by a NUL.
read_words() {
	local length
	IFS= read -r length
	exec 3<&0
	# shellcheck disable=SC2034 # the text that follows runs them
	mapfile -d '' -t words < <(head -c "$length" <&3)
	exec 3<&-
}
