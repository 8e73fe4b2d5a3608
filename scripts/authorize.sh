#!/usr/bin/env bash
# Lets a public key log in as the user that runs this.
#
# Inputs: the key, as one line on stdin.
set -Eeuo pipefail

IFS= read -r key
umask 0077
mkdir -p ~/.ssh
keys=~/.ssh/authorized_keys
if [[ -e $keys ]] && grep -qxF -- "$key" "$keys"; then
	exit
fi
# The last line of what is there may have no end.
if [[ -s $keys && -n $(tail -c 1 -- "$keys") ]]; then
	echo >>"$keys"
fi
printf '%s\n' "$key" >>"$keys"
