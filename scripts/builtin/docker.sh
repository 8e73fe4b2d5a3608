#!/usr/bin/env bash
# rootless docker for DVM_USER, with its socket, from Docker's repository
#
# Variables: none
# Secrets: none
#
# DVM_USER's services start with the VM (linger), and docker answers on /run/user/UID/docker.sock, which is the context that
# the command uses. The system's own daemon stays off. A container is run to prove it; that needs no network, since its
# image is made of the static docker-init that comes with docker.
#
# What only DVM_USER can see is not looked at by a check: the proof is kept where all can read it, with the subordinate
# ids that it was made with.
set -Eeuo pipefail

readonly packages=(docker-ce docker-ce-cli docker-ce-rootless-extras docker-buildx-plugin docker-compose-plugin slirp4netns iptables-nft)
readonly proof=/var/lib/dvm/docker/$DVM_USER
readonly proven="subordinate ids: $DVM_SUBUID_COUNT uids, $DVM_SUBGID_COUNT gids"

check() {
	local problems=()
	if ((DVM_SUBUID_COUNT == 0 || DVM_SUBGID_COUNT == 0)); then
		echo "rootless containers want subordinate ids, and DVM_SUBUID_COUNT or DVM_SUBGID_COUNT is 0"
		exit 2
	fi
	installed || problems+=("not installed: ${packages[*]}")
	[[ -e /var/lib/systemd/linger/$DVM_USER ]] || problems+=("$DVM_USER's services do not start with the VM")
	[[ -r $proof && $(<"$proof") == "$proven" ]] || problems+=("no container has run with these subordinate ids")
	if ((${#problems[@]} > 0)); then
		local text
		printf -v text '%s; ' "${problems[@]}"
		echo "${text%; }"
		exit 1
	fi
	echo "rootless, $proven"
}

installed() { rpm -q --whatprovides "${packages[@]}" >/dev/null 2>&1; }

apply() {
	local uid
	uid=$(id -u -- "$DVM_USER")
	sudo -n install -m 0644 /dev/stdin /etc/yum.repos.d/docker-ce.repo <<'REPO'
[docker-ce-stable]
name=Docker CE Stable - $basearch
baseurl=https://download.docker.com/linux/fedora/$releasever/$basearch/stable
enabled=1
gpgcheck=1
gpgkey=https://download.docker.com/linux/fedora/gpg
REPO
	installed || sudo -n dnf5 -y install --setopt=install_weak_deps=False "${packages[@]}"
	sudo -n modprobe nf_tables
	sudo -n loginctl enable-linger "$DVM_USER"
	sudo -n systemctl start "user@$uid.service"
	# shellcheck disable=SC2016 # for the inner shell
	sudo -n -H -u "$DVM_USER" XDG_RUNTIME_DIR="/run/user/$uid" bash -c '
		set -Eeuo pipefail
		cd
		unit=~/.config/systemd/user/docker.service
		[[ -s $unit ]] || rm -f "$unit" # or the tool would keep an empty one
		dockerd-rootless-setuptool.sh install
		systemctl --user enable docker.service
		systemctl --user restart docker.service # with the subordinate ids of today
		tried() { docker --host "unix://$XDG_RUNTIME_DIR/docker.sock" "$@"; }
		while read -r init; do
			[[ $init != */docker-init ]] || break
		done < <(rpm -ql docker-ce)
		tar -hcC "${init%/*}" docker-init | tried import - dvm-proof
		tried run --rm --network none dvm-proof /docker-init --version
		tried rmi dvm-proof'
	sudo -n install -D -m 0644 /dev/stdin "$proof" <<<"$proven"
}
