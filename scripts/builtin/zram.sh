#!/usr/bin/env bash
# swap in compressed memory, half as large as the memory
#
# Variables: none
# Secrets: none
set -Eeuo pipefail

readonly packages=(zram-generator)
readonly config=/etc/systemd/zram-generator.conf

check() {
	if [[ $(swapon --noheadings --show=NAME 2>/dev/null) == */dev/zram* ]]; then
		echo "zram is swapped to"
		return
	fi
	echo "no swap in compressed memory"
	exit 1
}

installed() { rpm -q --whatprovides "${packages[@]}" >/dev/null 2>&1; }

apply() {
	installed || sudo -n dnf5 -y install --setopt=install_weak_deps=False "${packages[@]}"
	if [[ ! -s $config ]]; then
		sudo -n install -m 0644 /dev/stdin "$config" <<'CONFIG'
[zram0]
zram-size = ram / 2
compression-algorithm = zstd
CONFIG
	fi
	sudo -n systemctl daemon-reload
	sudo -n systemctl start dev-zram0.swap
}
