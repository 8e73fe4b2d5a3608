#!/usr/bin/env bash
# A setup script has run to its end since its content or its inputs last changed.
#
# Inputs: setup_name (for messages), setup_stamp (the file that remembers it), setup_hash (of content and inputs),
# setup_id (for a reader of the stamp), setup_body (the script), setup_secrets (export commands for DVM_PASS), and the
# DVM_ variables that it finds exported. apply runs as Lima's account.
#
# The stamp lives in the guest, so that it dies with it, and can be read without sudo. While the script runs there is
# none, so that a script which was stopped half-way runs again.
#
# shellcheck disable=SC2154,SC2034 # the inputs are assigned before this text, and why is for what comes before it
set -Eeuo pipefail

stamps=/var/lib/dvm/setup

look() {
	local hash=""
	if [[ -r $stamps/$setup_stamp ]]; then
		read -r hash _ <"$stamps/$setup_stamp" || true
	fi
	if [[ -z $hash ]]; then
		why="not done before"
		return 1
	elif [[ $hash != "$setup_hash" ]]; then
		why="its content or inputs changed"
		return 1
	fi
	why=unchanged
}

apply() {
	if [[ ! -O $stamps ]]; then
		sudo -n install -d -m 0755 -o "$EUID" -- "$stamps"
	fi
	local stamp=$stamps/$setup_stamp as_subreaper
	# shellcheck disable=SC2016 # for the script's shell
	local where='case $- in *e*) printf "  line %s of %s: exit status %s\n" "$LINENO" "$0" "$?" >&2 ;; esac'
	find_subreaper
	rm -f -- "$stamp"
	cd
	# A shell of its own, which has none of this one's variables; the script comes by a pipe, where ps can't see it. The
	# secrets are in the environment of that shell alone. What this one has to say of its end by a signal is for nobody.
	exec 9>&2 2>/dev/null
	(
		exec 2>&9 9>&-
		export DVM_NAME DVM_VM DVM_LIMA_NAME DVM_USER DVM_CODE_DIR DVM_PORTS DVM_SUBUID_COUNT DVM_SUBGID_COUNT
		set -- "$setup_name" "$setup_body"
		eval "$setup_secrets"
		# What ends the script says in which line it stands, which what the script goes on after does not.
		# shellcheck disable=SC2016 # for the inner shell
		exec "${as_subreaper[@]}" bash -Eeuo pipefail -c 'trap '"'$where'"' ERR; eval "exec 6<&-; $(</dev/fd/6)"' "$1" 6<<<"$2"
	)
	exec 2>&9 9>&-
	printf '%s %q\n' "$setup_hash" "$setup_id" >"$stamp.new"
	mv -f -- "$stamp.new" "$stamp"
}

# find_subreaper sets as_subreaper to a command before another, which makes that a subreaper: the parent of every orphan among its
# descendants, in whatever process session they are. So a daemon keeps an ancestor in dvm's session until the script has
# ended. bash can't ask for it; Fedora's cloud image has Python, and a guest without it keeps its daemons. The number is
# PR_SET_CHILD_SUBREAPER, see prctl(2).
find_subreaper() {
	as_subreaper=()
	[[ -x /usr/bin/python3 ]] || return 0
	# What Python changes for itself is not for the script: the signals that it ignores, and LC_CTYPE.
	as_subreaper=(/usr/bin/python3 -I -S -c 'import os, signal, sys
try:
    import ctypes
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
except Exception:
    pass
for number in signal.SIGPIPE, signal.SIGXFSZ:
    signal.signal(number, signal.SIG_DFL)
with open("/proc/self/environ", "rb") as given:
    pairs = [pair.split(b"=", 1) for pair in given.read().split(b"\0") if b"=" in pair]
os.execvpe(sys.argv[1], sys.argv[1:], dict(pairs))')
}
