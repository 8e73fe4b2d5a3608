#!/usr/bin/env bash
# DVM_USER's dotfiles: DVM_DOTFILES cloned to ~/.dotfiles, and its install script run where DVM_DOTFILES_INSTALL is 1
#
# Variables: DVM_DOTFILES, DVM_DOTFILES_INSTALL
# Secrets: none
#
# DVM_DOTFILES is a git repository's https URL that needs no password. The install script is the first of these that can be
# executed: install.sh install bootstrap.sh bootstrap script/bootstrap setup.sh setup script/setup. It runs once, as
# DVM_USER, in ~/.dotfiles. DVM_FORCE=1 pulls, and runs it again.
#
# What was done is remembered where all can read it: nobody else need be able to look into the clone.
set -Eeuo pipefail

readonly clone=/home/$DVM_USER/.dotfiles
readonly memory=/var/lib/dvm/dotfiles/$DVM_USER

check() {
	local url="" installed=""
	if [[ -z $DVM_DOTFILES ]]; then
		echo "dotfiles wants DVM_DOTFILES, the https URL of a git repository"
		exit 2
	fi
	if [[ -r $memory ]]; then
		read -r url installed <"$memory" || true
	fi
	if [[ ! -d $clone || $url != "$DVM_DOTFILES" ]]; then
		echo "$DVM_DOTFILES is not in $clone"
		exit 1
	elif [[ $DVM_DOTFILES_INSTALL == 1 && $installed != installed ]]; then
		echo "its install script has not run to its end"
		exit 1
	fi
	echo "$url${installed:+, $installed}"
}

apply() {
	local before="" installed=""
	command -v git >/dev/null || sudo -n dnf5 -y install --setopt=install_weak_deps=False git
	if [[ -r $memory ]]; then
		before=$(<"$memory")
	fi
	# The memory goes first, so that work which was cut off is begun again. What could not be begun leaves it as it was.
	sudo -n rm -f -- "$memory"
	if ! as_user update_clone; then
		[[ -z $before ]] || remember "$before"
		return 1
	fi
	if [[ $DVM_DOTFILES_INSTALL == 1 ]]; then
		as_user run_install
		installed=installed
	fi
	remember "$DVM_DOTFILES $installed"
}

remember() { sudo -n install -D -m 0644 /dev/stdin "$memory" <<<"$1"; }

# as_user FUNCTION runs it as DVM_USER.
as_user() {
	sudo -n -H -u "$DVM_USER" GIT_TERMINAL_PROMPT=0 bash -c "set -Eeuo pipefail; $(declare -f "$1")"'; "$@"' \
		dotfiles "$1" "$clone" "$DVM_DOTFILES"
}

# update_clone CLONE URL clones, or pulls what is cloned already.
update_clone() {
	local origin="" said reason
	if [[ ! -e $1 ]]; then
		# Under another name until it is whole.
		rm -rf "$1.new"
		git clone --recurse-submodules -- "$2" "$1.new"
		mv "$1.new" "$1"
		return
	fi
	cd "$1"
	if [[ -e .git ]]; then # or git would take a repository above it
		origin=$(git config --get remote.origin.url) || true
	fi
	if [[ $origin != "$2" ]]; then
		echo "$1 is in the way: it is a clone of ${origin:-nothing}, not of $2" >&2
		exit 1
	fi
	# A git that ended with the VM left its locks, and no other takes them away.
	find .git -name "*.lock" ! -newer /run/lima-boot-done -delete
	export LC_ALL=C
	if said=$(git pull --ff-only 2>&1 && git submodule update --init --recursive 2>&1); then
		echo "$said"
		return
	fi
	# git's last line need not be the one that says why.
	case $said in
	*"would be overwritten"*) reason="stash your changes there, or commit them and git pull --rebase" ;;
	*"fast-forward"*) reason="it has commits of its own: git pull --rebase there" ;;
	*)
		reason=$(sed -n -E "/^(fatal|error): /{s///p;q}" <<<"$said")
		reason=${reason:-${said%%$'\n'*}}
		;;
	esac
	printf "%s\n%s can't be pulled: %s\n" "$said" "$1" "$reason" >&2
	exit 1
}

# run_install CLONE URL runs the repository's own install script.
run_install() {
	local script
	cd "$1"
	for script in install.sh install bootstrap.sh bootstrap script/bootstrap setup.sh setup script/setup; do
		if [[ -f $script && -x $script ]]; then
			echo "run $script"
			exec "./$script"
		fi
	done
	echo "$2 has no install script that can be executed: install.sh, bootstrap.sh, setup.sh or one like them" >&2
	exit 1
}
