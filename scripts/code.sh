#!/usr/bin/env bash
# /home/DVM_USER/code/DVM_VM is a directory of mode 0755 that belongs to DVM_USER, and so is the one above it.
#
# Inputs: DVM_USER, DVM_VM. apply runs as root.
set -Eeuo pipefail

top=/home/$DVM_USER/code
code=$top/$DVM_VM

look() {
	local dir found=() wanted=() file_type file_owner file_mode
	for dir in "$top" "$code"; do
		wanted+=("$dir: directory, $DVM_USER, mode 755")
		if find_file "$dir"; then
			found+=("$dir: $file_type, $file_owner, mode $file_mode")
		fi
	done
	if [[ ${found[*]-} == "${wanted[*]}" ]]; then
		why=$code
		return
	fi
	printf -v why '%s; ' "${found[@]}"
	why=${why%; }
	if hidden; then
		why=${why:-$code is out of sight}
		return 3
	fi
	[[ $why == *"$code: "* ]] || why="no directory $code"
	return 1
}

# hidden tells whether the step for the user has to come first: to open a home that nobody else can look into, or to make
# the user whose uid may own what is there already.
hidden() {
	[[ -e /home/$DVM_USER && ! -x /home/$DVM_USER ]] || { [[ -e $top ]] && ! id -u -- "$DVM_USER" >/dev/null 2>&1; }
}

apply() {
	provide "$top"
	provide "$code"
}

# provide DIRECTORY makes one, or makes it DVM_USER's. What is above it belongs to DVM_USER, who may put a link there at any
# moment: so root enters that, looks where it is, and then acts on the name alone.
provide() {
	local parent=${1%/*} name=./${1##*/}
	cd -P -- "$parent"
	if [[ $PWD != "$parent" || -L $name || (-e $name && ! -d $name) ]]; then
		echo "$1 is in the way: it is no directory" >&2
		return 1
	fi
	[[ -d $name ]] || sudo -n -u "$DVM_USER" mkdir -- "$name"
	chown -h "$DVM_USER:" -- "$name"
	# As the owner, since chmod follows a link. Five digits take setgid away too.
	sudo -n -u "$DVM_USER" chmod 00755 -- "$name"
}
