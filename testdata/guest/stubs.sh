#!/usr/bin/env bash
# Stands in a guest for the Fedora programs that built-in setup scripts run: enough of each to tell right use from wrong.
#
# It is installed under the name of each. What it knows is in /var/lib/stub: packages (installed, one a line), calls
# (USER: NAME ARGS), up (services that run, one a line), a file named for a service that is in another state, hang (a pattern
# of NAME ARGS at which it hangs), hung, and refuse (a pattern at which it fails).
set -Eeuo pipefail

readonly state=/var/lib/stub
readonly name=${0##*/}
call="$name $*"

has() { [[ -e $state/$1 ]] && grep -qxF -- "$2" "$state/$1"; }

fail() {
	echo "$name: $1" >&2
	exit "${2:-1}"
}

user_only() {
	((EUID != 0)) || fail "run as root"
	[[ -n ${XDG_RUNTIME_DIR-} ]] || fail "no XDG_RUNTIME_DIR"
	grep -q "^$(id -un):" /etc/subuid || fail "no subordinate ids"
}

up() { has up "$1" || echo "$1" >>"$state/up"; }

start() {
	rm -f "$state/$1"
	up "$1"
}

unit_state() {
	if [[ -e $state/$1 ]]; then
		cat "$state/$1"
		exit 3
	elif ! has up "$1"; then
		echo inactive
		exit 3
	fi
	echo active
}

dnf5() {
	[[ "$1 $2 $3" == "-y install --setopt=install_weak_deps=False" ]] || fail "unexpected arguments: $*"
	shift 3
	((EUID == 0)) || fail "run as $(id -un)"
	local package missing=()
	for package; do
		case $package in
		-*) fail "Unknown argument \"$package\" for command \"install\"" 2 ;;
		nosuch*)
			printf '%s\n' "Failed to resolve the transaction:" "No match for argument: $package" \
				"You can try to add to command line:" "  --skip-unavailable to skip unavailable packages" >&2
			exit 1
			;;
		docker-*) signed docker-ce https://download.docker.com/linux/fedora/gpg ;;
		tailscale) signed tailscale https://pkgs.tailscale.com/stable/fedora/repo.gpg ;;
		cloudflared) signed cloudflared https://pkg.cloudflare.com/cloudflare-ascii-pubkey.gpg ;;
		esac
		has packages "$package" || missing+=("$package")
	done
	mkdir -p /run/dnf
	exec 9>>/run/dnf/rpmtransaction.lock
	flock -n 9 || fail "Failed to obtain rpm transaction lock. Another transaction is in progress."
	if ((${#missing[@]} == 0)); then
		echo "Nothing to do."
		return
	fi
	for package in "${missing[@]}"; do
		echo "Installing: $package"
		case $package in
		podman) static catatonit /usr/libexec/catatonit/catatonit ;;
		docker-ce) static docker-init /usr/libexec/docker/docker-init ;;
		zsh) ln -sf /bin/bash /usr/bin/zsh ;;
		esac
	done
	printf '%s\n' "${missing[@]/#rg/ripgrep}" >>"$state/packages" # which has a program of that name
	[[ " ${missing[*]} " != *' rg '* ]] || echo /usr/bin/rg >>"$state/packages"
}

signed() {
	local repo=/etc/yum.repos.d/$1.repo
	if ! grep -qxF "gpgkey=$2" "$repo" || ! grep -qx 'gpgcheck=1' "$repo"; then
		fail "$repo does not check signatures"
	fi
}

static() { install -D /bin/true "$2"; }

rpm() {
	local package absent=0
	case $1 in
	-ql)
		case $2 in
		catatonit) printf '%s\n' /usr/libexec/catatonit /usr/libexec/catatonit/catatonit /usr/share/doc/catatonit ;;
		docker-ce) printf '%s\n' /usr/bin/dockerd /usr/libexec/docker/docker-init ;;
		esac
		;;
	-q)
		shift
		# Nothing provides a name with a version or an architecture.
		local unprovided=none
		if [[ $1 == --whatprovides ]]; then
			unprovided='*-[0-9]*|*.i686|*.x86_64'
			shift
		fi
		for package; do
			if [[ $package != @($unprovided) ]] && has packages "$package"; then
				echo "$package-1-1.fc44.x86_64"
			else
				echo "no package provides $package"
				absent=$((absent + 1))
			fi
		done
		exit "$absent"
		;;
	esac
}

engine() {
	user_only
	case $* in
	*" import - "*) tar -t >/dev/null ;;
	*" run --rm --network none "*) echo "a container ran" ;;
	*" rmi "*) ;;
	*) fail "unexpected arguments: $*" ;;
	esac
}

podman() {
	if [[ $* != "system migrate" ]]; then
		has up "$(id -un) podman.socket" || fail "no socket"
		engine "$@"
	fi
}

docker() {
	has up "$(id -un) docker.service" || fail "no socket"
	engine "$@"
}

systemctl() {
	local wanted=/etc/systemd/system/multi-user.target.wants/${*: -1}
	case $* in
	"is-active "*)
		unit_state "${*: -1}"
		return
		;;
	"--user enable --now podman.socket") up "$(id -un) podman.socket" ;;
	"--user restart docker.service")
		[[ -s ~/.config/systemd/user/docker.service ]] || fail "Unit docker.service has a bad unit file setting."
		up "$(id -un) docker.service"
		;;
	"start dev-zram0.swap")
		grep -q '^\[zram0\]' /etc/systemd/zram-generator.conf || fail "Unit dev-zram0.swap not found."
		start "$2"
		;;
	"start "* | "restart "*) start "$2" ;;
	"enable --now "*) start "$3" ;;
	"enable "*) ln -sf "../${wanted##*/}" "$wanted" ;;
	"disable "*) rm -f "$wanted" ;;
	"daemon-reload" | *"enable "*) ;;
	*) fail "unexpected arguments: $*" ;;
	esac
	if [[ $* == *--user* ]]; then
		user_only
		has up "user@$EUID.service" || fail "no user's manager to connect to"
		[[ -e /var/lib/systemd/linger/$(id -un) ]] || fail "no linger"
	fi
}

loginctl() { install -D -m 0644 /dev/null "/var/lib/systemd/linger/$2"; }

# What tailscaled says of itself is in the file backend. A key that begins with tskey-unapproved is of a tailnet whose admin
# has to approve each machine.
tailscale() {
	local backend=NeedsLogin
	[[ $(unit_state tailscaled.service) == active ]] || fail "failed to connect to local tailscaled"
	[[ ! -s $state/backend ]] || backend=$(<"$state/backend")
	case $* in
	"status --json "*) printf '{\n  "Version": "1.99.0",\n  "BackendState": "%s",\n  "HaveNodeKey": true\n}' "$backend" ;;
	"status "*)
		[[ $backend == Running || $backend == Starting ]] || fail "unexpected state: $backend"
		;;
	"up --auth-key=file:/dev/stdin --hostname=dvm-"*" --timeout="*)
		local key
		key=$(</dev/stdin)
		[[ $key == tskey-* ]] || fail "not a key"
		if [[ $key == tskey-unapproved* ]]; then
			echo NeedsMachineAuth >"$state/backend"
			fail "timeout waiting for Tailscale service to enter a Running state"
		fi
		echo Running >"$state/backend"
		;;
	"up")
		# Any flag would have to name all settings again that are not the default.
		[[ $backend != NeedsLogin ]] || fail "no login"
		echo Running >"$state/backend"
		;;
	*) fail "unexpected arguments: $*" ;;
	esac
}

systemd-creds() {
	local token
	token=$(</dev/stdin)
	[[ -n $token ]] || fail "no token"
	echo "encrypted" >"${*: -1}"
}

npm() {
	((EUID != 0)) || fail "run as root"
	has packages /usr/bin/npm || fail "command not found: no package has the name without a version" 127
	[[ $1 == install && $4 == /home/*/.local && $7 == *@*@[0-9]* && $8 == *@*@[0-9]* ]] || fail "unexpected arguments: $*"
	local left
	for left in "$4"/lib/node_modules/@*/.*-*; do
		[[ ! -e $left ]] || fail "ENOTEMPTY: directory not empty, rename '${left/.codex-*/codex}' -> '$left'"
	done
	if has npm unscripted; then # as a claude whose install script was left out
		install -D /bin/false "$4/bin/claude"
	else
		install -D /bin/true "$4/bin/claude"
	fi
	install -D /bin/true "$4/bin/codex"
}

swapon() { ! has up dev-zram0.swap || echo /dev/zram0; }
modprobe() { :; }

dockerd-rootless-setuptool.sh() {
	local unit=~/.config/systemd/user/docker.service
	user_only
	if [[ -e $unit ]]; then
		echo "File already exists, skipping: $unit"
	else
		install -D -m 0644 /dev/stdin "$unit" <<<"[Service]"
	fi
}

# Of these only the hanging is made up.
git() { exec /usr/bin/git "$@"; }
ssh-keygen() { exec /usr/bin/ssh-keygen "$@"; }
usermod() { exec /usr/sbin/usermod "$@"; }

echo "$(id -un): $call" >>"$state/calls"
if [[ -s $state/hang && $call == $(<"$state/hang") ]]; then
	echo "$call" >"$state/hung"
	sleep 300
fi
if [[ -s $state/refuse && $call == $(<"$state/refuse") ]]; then
	fail "refused"
fi
"$name" "$@"
