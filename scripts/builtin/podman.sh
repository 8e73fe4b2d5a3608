#!/usr/bin/env bash
# rootless podman for DVM_USER, with its socket, from Fedora
#
# Variables: none
# Secrets: none
#
# DVM_USER's services start with the VM (linger), and podman answers on /run/user/UID/podman/podman.sock. A container is
# run to prove it; that needs no network, since its image is made of the static catatonit that comes with podman.
#
# What only DVM_USER can see is not looked at by a check: the proof is kept where all can read it, with the subordinate
# ids that it was made with.
set -Eeuo pipefail

readonly packages=(podman crun passt)
readonly proof=/var/lib/dvm/podman/$DVM_USER
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
	installed || sudo -n dnf5 -y install --setopt=install_weak_deps=False "${packages[@]}"
	sudo -n loginctl enable-linger "$DVM_USER"
	sudo -n systemctl start "user@$uid.service"
	# shellcheck disable=SC2016 # for the inner shell
	sudo -n -H -u "$DVM_USER" XDG_RUNTIME_DIR="/run/user/$uid" bash -c '
		set -Eeuo pipefail
		cd
		podman system migrate # to the subordinate ids of today
		systemctl --user enable --now podman.socket
		tried() { podman --url "unix://$XDG_RUNTIME_DIR/podman/podman.sock" "$@"; }
		while read -r init; do
			[[ $init != */catatonit || ! -f $init ]] || break
		done < <(rpm -ql catatonit)
		tar -hcC "${init%/*}" catatonit | tried import - localhost/dvm-proof
		tried run --rm --network none localhost/dvm-proof /catatonit --version
		tried rmi localhost/dvm-proof'
	sudo -n install -D -m 0644 /dev/stdin "$proof" <<<"$proven"
}
