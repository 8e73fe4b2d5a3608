#!/usr/bin/env bash
# a Cloudflare tunnel as a service, from Cloudflare's repository
#
# Variables: none
# Secrets: TUNNEL_TOKEN
#
# The token comes from DVM_PASS. The service needs it at every boot, so systemd keeps it in the guest, encrypted with a key
# that only the guest's root can read, and hands it to the service alone. DVM_FORCE=1 puts another token in its place.
#
# The service is enabled last, once it came up with its token: by that a check knows that all is there. From then on it may be
# activating, as it is after a boot until the tunnel is connected, and for ever without network. Where it has ended, it is
# started again, for which the token is not needed.
set -Eeuo pipefail

readonly packages=(cloudflared)
readonly service=dvm-cloudflared.service
readonly unit=/etc/systemd/system/$service
readonly enabled=/etc/systemd/system/multi-user.target.wants/$service # a link to the unit
readonly credentials=/etc/credstore.encrypted

check() {
	local state
	if [[ ! -e $enabled ]]; then
		if [[ -z ${TUNNEL_TOKEN-} ]]; then
			echo "cloudflared wants the tunnel's token in TUNNEL_TOKEN"
			exit 2
		fi
		echo "no tunnel's service is set up"
		exit 1
	elif ! installed; then
		echo "not installed: ${packages[*]}"
		exit 1
	fi
	state=$(systemctl is-active "$service") || true
	echo "the tunnel's service is ${state:-in no known state}"
	[[ $state == active || $state == activating ]] || exit 1
}

installed() { rpm -q --whatprovides "${packages[@]}" >/dev/null 2>&1; }

apply() {
	if [[ -z ${TUNNEL_TOKEN-} && ! -e $enabled ]]; then
		echo "TUNNEL_TOKEN is not in DVM_PASS" >&2
		return 1
	fi
	sudo -n install -m 0644 /dev/stdin /etc/yum.repos.d/cloudflared.repo <<'REPO'
[cloudflared-stable]
name=cloudflared-stable
baseurl=https://pkg.cloudflare.com/cloudflared/rpm
enabled=1
gpgcheck=1
gpgkey=https://pkg.cloudflare.com/cloudflare-ascii-pubkey.gpg
REPO
	installed || sudo -n dnf5 -y install --setopt=install_weak_deps=False "${packages[@]}"
	sudo -n install -m 0644 /dev/stdin "$unit" <<UNIT
[Unit]
Description=Cloudflare tunnel
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
DynamicUser=yes
LoadCredentialEncrypted=tunnel-token:$credentials/dvm-cloudflared
ExecStart=/usr/bin/cloudflared --no-autoupdate tunnel run --token-file %d/tunnel-token
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
UNIT
	sudo -n systemctl daemon-reload
	if [[ -n ${TUNNEL_TOKEN-} ]]; then
		sudo -n systemctl disable "$service"
		sudo -n install -d -m 0700 -- "$credentials"
		printf '%s' "$TUNNEL_TOKEN" | sudo -n systemd-creds encrypt --name=tunnel-token - "$credentials/dvm-cloudflared"
	fi
	sudo -n systemctl restart "$service"
	sudo -n systemctl enable "$service"
}
