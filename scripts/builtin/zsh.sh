#!/usr/bin/env bash
# zsh, as DVM_USER's login shell where DVM_SHELL is zsh
#
# Variables: DVM_SHELL
# Secrets: none
#
# A ~/.zshrc is made where there is none, so that the first login asks no questions.
set -Eeuo pipefail

readonly packages=(zsh)
readonly rc=/home/$DVM_USER/.zshrc

check() {
	local problems=() name shell=""
	installed || problems+=("zsh is not installed")
	[[ -e $rc || -L $rc ]] || problems+=("no $rc")
	while IFS=: read -r name _ _ _ _ _ shell || [[ -n $name ]]; do
		[[ $name != "$DVM_USER" ]] || break
	done </etc/passwd
	[[ $shell == */"$DVM_SHELL" ]] || problems+=("login shell is $shell")
	if ((${#problems[@]} > 0)); then
		local text
		printf -v text '%s; ' "${problems[@]}"
		echo "${text%; }"
		exit 1
	fi
	echo "login shell is $shell"
}

installed() { rpm -q --whatprovides "${packages[@]}" >/dev/null 2>&1; }

apply() {
	installed || sudo -n dnf5 -y install --setopt=install_weak_deps=False "${packages[@]}"
	if [[ ! -e $rc && ! -L $rc ]]; then
		# shellcheck disable=SC2016 # for the inner shell
		sudo -n -u "$DVM_USER" sh -c 'cat /etc/skel/.zshrc >"$1" 2>/dev/null || echo "# made by dvm" >"$1"' zsh "$rc"
	fi
	sudo -n usermod --shell "/usr/bin/$DVM_SHELL" -- "$DVM_USER"
}
