#!/usr/bin/env bash
# What both directions of a copy share. copy-in.sh or copy-out.sh follows it on the wire, and runs as DVM_USER.
#
# Inputs, as shell variables that stand before this text on the wire:
#   stream_nonce  starts every line that is for the host
#   copy_code     the project directory
#   copy_path     the path in the guest, as typed
#
# Results: NONCE begin on stdout and stderr once the path is known, and NONCE STATUS on stderr at the end. What else is on
# stderr says why.
#
# shellcheck disable=SC2154 # the inputs are assigned before this text
set -uo pipefail
export LC_ALL=C

# begin makes an absolute path, or one that starts with a dot, of copy_path. It is relative to the project directory, or
# to the home where that is missing, and may start with ~.
begin() {
	trap '' PIPE
	printf '%s begin\n' "$stream_nonce"
	printf '%s begin\n' "$stream_nonce" >&2
	cd -- "$copy_code" 2>/dev/null || cd || finish 1
	case $copy_path in
	\~ | \~/*) copy_path=$HOME${copy_path#\~} ;;
	/*) ;;
	*) copy_path=./$copy_path ;;
	esac
	command -v tar >/dev/null || fail "the VM has no tar, which a copy needs; DVM_PACKAGES=tar installs it"
}

fail() {
	printf '%s\n' "$1" >&2
	finish 1
}

# finish removes what is unfinished before the host is told.
finish() {
	clean_up
	trap - EXIT
	printf '%s %s\n' "$stream_nonce" "$1" >&2
	exit
}
