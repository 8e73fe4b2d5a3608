#!/usr/bin/env bash
# the command lines of Claude Code (claude) and Codex (codex) for DVM_USER, from npm at pinned versions
#
# Variables: none
# Secrets: none
#
# They are in ~/.local, where DVM_USER can update them: a newer one is left alone. What was installed is remembered where
# all can read it, since a check may not be able to look into ~/.local.
set -Eeuo pipefail

readonly packages=(nodejs /usr/bin/node /usr/bin/npm) # as in node.sh
readonly wanted="@anthropic-ai/claude-code@2.1.330 @openai/codex@0.169.0"
readonly prefix=/home/$DVM_USER/.local
readonly memory=/var/lib/dvm/ai/$DVM_USER

check() {
	local problems=()
	installed || problems+=("not installed: ${packages[*]}")
	[[ -r $memory && $(<"$memory") == "$wanted" ]] || problems+=("not installed: $wanted")
	if gone; then
		problems+=("claude or codex is no longer in $prefix/bin")
	fi
	if ((${#problems[@]} > 0)); then
		local text
		printf -v text '%s; ' "${problems[@]}"
		echo "${text%; }"
		exit 1
	fi
	echo "$wanted"
}

installed() { rpm -q --whatprovides "${packages[@]}" >/dev/null 2>&1; }

# gone tells whether one was taken away, as far as a look is allowed.
gone() {
	[[ -d $prefix ]] || return 0
	[[ -x $prefix ]] || return 1
	[[ -d $prefix/bin ]] || return 0
	[[ -x $prefix/bin && (! -e $prefix/bin/claude || ! -e $prefix/bin/codex) ]]
}

apply() {
	local tools
	read -ra tools <<<"$wanted"
	installed || sudo -n dnf5 -y install --setopt=install_weak_deps=False "${packages[@]}"
	sudo -n rm -f -- "$memory"
	# shellcheck disable=SC2016 # for the inner shell
	sudo -n -H -u "$DVM_USER" bash -c '
		set -Eeuo pipefail
		cd
		for tool; do
			name=${tool%@*}
			# Where an npm that was cut off put the one before, in the way of the next.
			rm -rf -- "$0/lib/node_modules/${name%/*}/.${name#*/}"-*
		done
		# What claude is comes by its install script, which an npm may be told to leave out, or leaves out by itself from 12 on.
		npm install --global --prefix "$0" --no-audit --no-fund "$@" --ignore-scripts=false --allow-scripts=@anthropic-ai/claude-code
		for tool in claude codex; do
			"$0/bin/$tool" --version
		done' "$prefix" "${tools[@]}"
	sudo -n install -D -m 0644 /dev/stdin "$memory" <<<"$wanted"
}
