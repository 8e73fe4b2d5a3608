#!/usr/bin/env bash
# Node.js and npm, from Fedora
#
# Variables: none
# Secrets: none
#
# From Fedora 44 on, the names without a version are in packages of their own: they are asked for as files.
set -Eeuo pipefail

readonly packages=(nodejs /usr/bin/node /usr/bin/npm)

check() {
	if ! installed; then
		echo "not installed: ${packages[*]}"
		exit 1
	fi
	echo "${packages[*]}"
}

installed() { rpm -q --whatprovides "${packages[@]}" >/dev/null 2>&1; }

apply() {
	installed || sudo -n dnf5 -y install --setopt=install_weak_deps=False "${packages[@]}"
}
