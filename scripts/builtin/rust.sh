#!/usr/bin/env bash
# Rust with cargo, clippy and rustfmt, from Fedora, with ~/.cargo/bin in the PATH
#
# Variables: none
# Secrets: none
#
# The PATH is set in /etc/profile.d, for login shells of bash and zsh alike.
set -Eeuo pipefail

readonly packages=(rust cargo clippy rustfmt)
readonly profile=/etc/profile.d/dvm-rust.sh
# shellcheck disable=SC2016 # for the login shell
readonly line='PATH=$PATH:$HOME/.cargo/bin'

check() {
	if ! installed; then
		echo "not installed: ${packages[*]}"
		exit 1
	elif [[ ! -r $profile || $(<"$profile") != "$line" ]]; then
		echo ".cargo/bin is not in the PATH"
		exit 1
	fi
	echo "${packages[*]}"
}

installed() { rpm -q --whatprovides "${packages[@]}" >/dev/null 2>&1; }

apply() {
	installed || sudo -n dnf5 -y install --setopt=install_weak_deps=False "${packages[@]}"
	sudo -n install -m 0644 /dev/stdin "$profile" <<<"$line"
}
