#!/usr/bin/env bash
# git, with the name and address that commits carry
#
# Variables: DVM_GIT_NAME, DVM_GIT_EMAIL
# Secrets: none
#
# Both are set for the whole system, in /etc/gitconfig: a ~/.gitconfig of DVM_USER's own comes first, and is not written to.
# One that is unset is left alone.
set -Eeuo pipefail

readonly packages=(git)
readonly lock=/etc/gitconfig.lock

check() {
	local problems=()
	installed || problems+=("git is not installed")
	is_set user.name "$DVM_GIT_NAME" || problems+=("user.name is not $DVM_GIT_NAME")
	is_set user.email "$DVM_GIT_EMAIL" || problems+=("user.email is not $DVM_GIT_EMAIL")
	if ((${#problems[@]} > 0)); then
		local text
		printf -v text '%s; ' "${problems[@]}"
		echo "${text%; }"
		exit 1
	fi
	echo "git${DVM_GIT_NAME:+, as $DVM_GIT_NAME}${DVM_GIT_EMAIL:+ <$DVM_GIT_EMAIL>}"
}

installed() { rpm -q --whatprovides "${packages[@]}" >/dev/null 2>&1; }

is_set() { [[ -z $2 || $(git config --system --get "$1" 2>/dev/null) == "$2" ]]; }

apply() {
	installed || sudo -n dnf5 -y install --setopt=install_weak_deps=False "${packages[@]}"
	# A git that ended with the VM left it, and no other takes it away.
	if [[ -e $lock && $lock -ot /run/lima-boot-done ]]; then
		sudo -n rm -f -- "$lock"
	fi
	if [[ -n $DVM_GIT_NAME ]]; then
		sudo -n git config --system user.name "$DVM_GIT_NAME"
	fi
	if [[ -n $DVM_GIT_EMAIL ]]; then
		sudo -n git config --system user.email "$DVM_GIT_EMAIL"
	fi
}
