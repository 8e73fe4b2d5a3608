#!/usr/bin/env bash
# Python 3 with pip and uv, from Fedora
#
# Variables: none
# Secrets: none
set -Eeuo pipefail

readonly packages=(python3 python3-pip uv)

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
