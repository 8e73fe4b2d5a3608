#!/usr/bin/env bash
# The packages that DVM_PACKAGES names are installed.
#
# Inputs: DVM_PACKAGES, names separated by spaces, none of which begins with a hyphen. apply runs as root.
#
# A check is one query of the rpm database where all is provided by what is installed, and needs no network.
set -Eeuo pipefail

check() {
	local names name missing=()
	read -ra names <<<"$DVM_PACKAGES"
	if ! provided "${names[@]}"; then
		for name in "${names[@]}"; do
			provided "$name" || named "$name" || program "$name" || missing+=("$name")
		done
	fi
	if ((${#missing[@]} > 0)); then
		echo "not installed: ${missing[*]}"
		exit 1
	fi
	echo "${#names[@]} installed"
}

provided() { rpm -q --whatprovides "$@" >/dev/null 2>&1; }

# named finds a package of one architecture or version, such as glibc.i686, which nothing provides by that name.
named() { rpm -q "$1" >/dev/null 2>&1; }

# program finds what dnf5 found by the name of a program in it, such as rg (dnf5-specs(7)).
program() { [[ $1 != */* ]] && { provided "/usr/bin/$1" || provided "/usr/sbin/$1"; }; }

apply() {
	local names
	read -ra names <<<"$DVM_PACKAGES"
	# No -- before the names: dnf5 takes it for a name.
	dnf5 -y install --setopt=install_weak_deps=False "${names[@]}"
}
