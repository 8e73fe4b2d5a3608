#!/usr/bin/env bash
# Tailscale, from its own repository; the VM joins the tailnet under the name of its Lima instance
#
# Variables: none
# Secrets: TS_AUTHKEY
#
# The key is needed to join, and not after that. It comes from DVM_PASS, and reaches tailscale by a pipe, where ps can't see it.
set -Eeuo pipefail

readonly packages=(tailscale)

check() {
	if ! installed; then
		want_key
		echo "tailscale is not installed"
		exit 1
	elif ! joined; then
		want_key
		echo "not in a tailnet, or not connected"
		exit 1
	fi
	echo "in the tailnet"
}

installed() { rpm -q --whatprovides "${packages[@]}" >/dev/null 2>&1; }

joined() { tailscale status --peers=false >/dev/null 2>&1; }

want_key() {
	if [[ -z ${TS_AUTHKEY-} ]]; then
		echo "tailscale wants an auth key in TS_AUTHKEY"
		exit 2
	fi
}

apply() {
	# shellcheck disable=SC2016 # dnf5 replaces $basearch
	sudo -n install -m 0644 /dev/stdin /etc/yum.repos.d/tailscale.repo <<'REPO'
[tailscale-stable]
name=Tailscale stable
baseurl=https://pkgs.tailscale.com/stable/fedora/$basearch
enabled=1
repo_gpgcheck=1
gpgcheck=1
gpgkey=https://pkgs.tailscale.com/stable/fedora/repo.gpg
REPO
	installed || sudo -n dnf5 -y install --setopt=install_weak_deps=False "${packages[@]}"
	sudo -n systemctl enable --now tailscaled.service
	if [[ -n ${TS_AUTHKEY-} ]]; then
		printf '%s' "$TS_AUTHKEY" | sudo -n tailscale up --auth-key=file:/dev/stdin --hostname="$DVM_LIMA_NAME"
	else
		sudo -n tailscale up --hostname="$DVM_LIMA_NAME" --timeout=30s
	fi
}
