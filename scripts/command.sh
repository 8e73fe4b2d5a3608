#!/usr/bin/env bash
# Runs one command as the user that runs it, in a directory, or in the home where there is none.
#
# Arguments: NONCE DIRECTORY MODE WORD...
#   NONCE  marks this process for scripts/endcommand.sh, and the lines on stderr that are meant for the host:
#          `NONCE hello` before the command, `NONCE STATUS` after it
#   MODE   pipe; ahead: the words are not here, and ahead.sh comes before this text; terminal: no lines for the
#          host, and terminal.sh comes before this text
#
# No profile is read: it would cost more than most commands, and could print into their output.
set -uo pipefail

nonce=$1 dir=$2 mode=$3
words=("${@:4}")
# Also where pkill bash or kill 0 sends them, they are for the command alone, which has them as they were.
trap : INT QUIT USR1 USR2 PIPE ALRM TERM
if [[ $mode == terminal ]]; then
	settle_terminal
else
	# A terminal that hangs up tells the session's leader alone, and sudo no more than this shell: all ends when both have.
	trap : HUP
	printf '%s hello\n' "$nonce" >&2
fi
[[ $mode != ahead ]] || read_words
[[ ! -d /run/user/$EUID ]] || export XDG_RUNTIME_DIR=/run/user/$EUID
# It is this text, with its nonce. SUDO_UID stays, by which inuse.sh tells what came from here.
unset SUDO_COMMAND
PATH=~/.local/bin:~/bin:$PATH
cd -- "$dir" 2>/dev/null || cd || exit
# A program and nothing else: no builtin, and no assignment. What this shell has to say of its end is for nobody.
exec 9>&2 2>/dev/null
(exec 2>&9 9>&- -- "${words[@]}")
status=$?
exec 2>&9
[[ $mode == terminal ]] || printf '%s %s\n' "$nonce" "$status" >&2
exit "$status"
