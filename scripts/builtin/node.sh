#!/usr/bin/env bash
# Node.js and npm, from Fedora
#
# Variables: none
# Secrets: none
set -Eeuo pipefail

readonly packages=(nodejs npm)

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
