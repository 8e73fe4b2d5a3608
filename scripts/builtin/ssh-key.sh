#!/usr/bin/env bash
# an ssh key of DVM_USER's own, made in the guest; each sync prints its public half
#
# Variables: none
# Secrets: none
# Tells: the public half
#
# The key is ~/.ssh/id_ed25519; one that is there already is kept. Give its public half to GitHub and the like.
#
# Only its owner can look into ~/.ssh, so the public half is also kept where all can read it, with the time of ~/.ssh. As long
# as nothing was added there or taken away since, that is what a check reads. After that, apply looks.
set -Eeuo pipefail

readonly home=/home/$DVM_USER
readonly public=/var/lib/dvm/ssh-key/$DVM_USER.pub

check() {
	if [[ ! -d $home/.ssh || ! -s $public ]]; then
		echo "no key"
		exit 1
	elif [[ $home/.ssh -nt $public || $home/.ssh -ot $public ]]; then
		echo "$home/.ssh has changed since"
		exit 1
	fi
	echo "$(<"$public")"
}

apply() {
	local time
	command -v ssh-keygen >/dev/null || sudo -n dnf5 -y install --setopt=install_weak_deps=False openssh-clients
	# Its private half never leaves the guest, and a key that nobody is there to unlock has no passphrase.
	# shellcheck disable=SC2016 # for the inner shell
	sudo -n -H -u "$DVM_USER" bash -c '
		set -Eeuo pipefail
		umask 077
		mkdir -p "$1/.ssh"
		key=$1/.ssh/id_ed25519
		if [[ ! -s $key && (-L $key || -s $key.pub) ]]; then
			echo "$key is not there, and what is there of it is not replaced: take it away, or put the key there" >&2
			exit 1
		elif [[ ! -s $key ]]; then
			rm -f "$key" "$key.pub"
			ssh-keygen -q -t ed25519 -N "" -C "$2" -f "$key"
		elif [[ ! -s $key.pub ]]; then
			ssh-keygen -y -f "$key" >"$key.pub"
		fi' ssh-key "$home" "$DVM_USER@$DVM_LIMA_NAME"
	time=$(stat -c %y -- "$home/.ssh") # before the key is read
	sudo -n -u "$DVM_USER" cat -- "$home/.ssh/id_ed25519.pub" | sudo -n install -D -m 0644 /dev/stdin "$public"
	sudo -n touch --date="$time" -- "$public"
	cat -- "$public"
}
