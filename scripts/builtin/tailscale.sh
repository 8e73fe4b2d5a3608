#!/usr/bin/env bash
# Tailscale, from its own repository; the VM joins the tailnet under the name of its Lima instance
#
# Variables: none
# Secrets: TS_AUTHKEY
# Tells: whether it is in the tailnet
#
# The key is needed to join, and not after that. It comes from DVM_PASS, and reaches tailscale by a pipe, where ps can't see it.
#
# That the VM has joined is remembered where all can read it: early after a boot, and for as long as there is no network,
# tailscaled itself can't tell (NoState).
set -Eeuo pipefail

readonly packages=(tailscale)
readonly memory=/var/lib/dvm/tailscale

check() {
	local state=""
	find_state
	if ! joined && [[ -z ${TS_AUTHKEY-} ]]; then
		echo "tailscale wants an auth key in TS_AUTHKEY"
		exit 2
	elif ! installed; then
		echo "tailscale is not installed"
		exit 1
	elif [[ -z $state ]]; then
		echo "tailscaled does not run"
		exit 1
	elif ! joined; then
		echo "not in a tailnet"
		exit 1
	elif [[ $state == Stopped ]]; then
		echo "disconnected from the tailnet"
		exit 1
	elif [[ ! -e $memory ]]; then
		echo "in the tailnet, and not yet remembered"
		exit 1
	elif [[ $state == NeedsMachineAuth ]]; then
		echo "joined, and waits for the tailnet's admin to approve it"
		return
	fi
	echo "in the tailnet"
}

installed() { rpm -q --whatprovides "${packages[@]}" >/dev/null 2>&1; }

# find_state sets state to the one that tailscaled is in, which is for all to ask, or to nothing where it does not run.
find_state() {
	local status
	status=$(tailscale status --json --peers=false 2>/dev/null) || true
	state=""
	if [[ $status =~ \"BackendState\":\ *\"([A-Za-z]+)\" ]]; then
		state=${BASH_REMATCH[1]}
	fi
}

joined() {
	case $state in
	Starting | Running | Stopped | NeedsMachineAuth) ;;
	NeedsLogin) return 1 ;;
	*) [[ -e $memory ]] ;;
	esac
}

apply() {
	local state
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
	find_state
	if ! joined; then
		join
	elif [[ $state == Stopped ]]; then
		# With an option it would want all others that were ever set, too. What came of it the second check tells.
		sudo -n timeout 30 tailscale up || true
	fi
	sudo -n install -D -m 0644 /dev/null "$memory"
}

join() {
	if [[ -z ${TS_AUTHKEY-} ]]; then
		echo "TS_AUTHKEY is not in DVM_PASS" >&2
		return 1
	fi
	sudo -n rm -f -- "$memory"
	if ! printf '%s' "$TS_AUTHKEY" | sudo -n tailscale up --auth-key=file:/dev/stdin --hostname="$DVM_LIMA_NAME" --timeout=60s; then
		find_state
		[[ $state == NeedsMachineAuth ]] # all is done but for the admin's word
	fi
}
