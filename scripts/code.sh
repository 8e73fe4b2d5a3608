#!/usr/bin/env bash
# /home/DVM_USER/code/DVM_VM is a directory of mode 0755 that belongs to DVM_USER, and so is the one above it.
#
# Inputs: DVM_USER, DVM_VM. apply runs as root.
set -Eeuo pipefail

readonly top=/home/$DVM_USER/code
readonly code=$top/$DVM_VM

check() {
	local found wanted
	found=$(stat -c '%n: %F, %U, mode %a' -- "$top" "$code" 2>/dev/null) || true
	wanted="$top: directory, $DVM_USER, mode 755
$code: directory, $DVM_USER, mode 755"
	if [[ $found == "$wanted" ]]; then
		echo "$code"
		return
	fi
	case $found in
	*"$code: "*) echo "${found//$'\n'/; }" ;;
	*) echo "no directory $code" ;;
	esac
	exit 1
}

apply() {
	local dir
	for dir in "$top" "$code"; do
		# DVM_USER can put a symlink here, and root must not follow it.
		if [[ -L $dir || (-e $dir && ! -d $dir) ]]; then
			echo "$dir is in the way: it is no directory" >&2
			return 1
		fi
		[[ -d $dir ]] || mkdir -- "$dir"
		chown -h "$DVM_USER:" -- "$dir"
		# As the owner: chmod follows a symlink, which root must not.
		sudo -n -u "$DVM_USER" chmod 0755 -- "$dir"
	done
}
