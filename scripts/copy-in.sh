#!/usr/bin/env bash
# Unpacks an archive into the guest. It follows copy.sh on the wire.
#
# Inputs besides those of copy.sh:
#   copy_name  what the copy is called in a directory; a dot where it is the contents of its source
#
# The archive is on stdin. It holds `tree`, which is what to copy, and at last `whole`: without that one the host has gone
# before it had sent all. A new destination appears by one rename. In a directory that is there already each file does.
#
# shellcheck disable=SC2154 # the inputs are assigned before this text

copy_in() {
	local parent target inside='' tree complaint pid
	local tar_options=(--extract --blocking-factor=512 --same-permissions --no-same-owner --warning=none)
	stage=
	trap clean_up EXIT
	shopt -s dotglob nullglob
	exec 4<&0 </dev/null
	begin
	find_target
	stage=$parent/.dvm-cp-${stream_nonce:0:8}
	complaint=$(mkdir -m 0700 -- "$stage" 2>&1) || fail "can't write into ${parent:-/}: ${complaint##*: }"
	unpack
	if [[ -n $inside ]]; then
		mkdir -- "$stage/dir" || finish 1
		move "$tree" "$stage/dir/$inside" || finish 1
		tree=$stage/dir
	fi
	place
	finish $?
}

# find_target sets parent, target and inside, which is the copy's name in a new directory.
find_target() {
	if [[ -d $copy_path ]]; then
		parent=${copy_path%/}
		target=$parent/$copy_name
		return
	fi
	target=$copy_path
	if [[ $target == */ ]]; then
		while [[ $target == */ ]]; do
			target=${target%/}
		done
		[[ ! -e $target ]] || fail "$target is there already, and is no directory"
		[[ $copy_name == . ]] || inside=$copy_name
	fi
	parent=${target%/*}
	[[ -d $parent/ ]] || fail "there is no directory $parent"
}

# unpack sets tree. It ends with tar's first complaint: tar itself would go on with what comes after it.
unpack() {
	# The lines are tar's process id, its complaints, and how it ended.
	exec 5< <({
		(echo "$BASHPID" && exec tar "${tar_options[@]}" --directory="$stage/" <&4) &
		wait "$!"
		echo "status $?"
	} 2>&1)
	exec 4<&-
	IFS= read -r -u 5 pid
	IFS= read -r -u 5 complaint
	if [[ $complaint != 'status '* ]]; then
		kill "$pid" 2>/dev/null
		while read -r -u 5; do :; done # until it is gone, and writes no more
		complain
	fi
	[[ $complaint == 'status 0' ]] || fail "tar ended with exit $complaint"
	[[ -e $stage/whole ]] || fail "the end of the copy is missing"
	tree=$stage/tree
}

# complain gives tar's words with the name that the user knows, and with a reason where the disk took a part of a block.
complain() {
	local words
	complaint=${complaint/#tar: tree/"$copy_name"}
	if [[ $complaint == *'Wrote only'* ]]; then
		words=$({ printf x >"$stage/probe"; } 2>&1) || complaint+=": ${words##*: }"
	fi
	fail "$complaint"
}

place() {
	local into=("$stage")
	if [[ ! -L $target && -d $target ]]; then
		[[ ! -L $tree && -d $tree ]] || fail "$target is there already, and is a directory"
		refuse_clashes "$tree" "$target"
		refuse_borders
		# Hard links, which cp renames over what is there: one process, however many files. Without --preserve=mode the
		# directories that were there keep theirs; without a umask the new ones get theirs.
		complaint=$(umask 0 && cp -RPlfT --preserve=timestamps -- "$tree" "$target" 2>&1) || fail "${complaint//"$tree"/"$copy_name"}"
		return
	fi
	if [[ ! -L $tree && -d $tree && (-L $target || -e $target) ]]; then
		fail "$target is there already, and is no directory"
	fi
	refuse_special "$target"
	move "$tree" "$target"
}

# refuse_special keeps what is neither a file nor a link, such as a pipe that a program reads, from being replaced.
refuse_special() {
	[[ -L $1 || ! -e $1 || -f $1 ]] || fail "$1 is there already, and is no file"
}

# refuse_clashes SOURCE TARGET fails where a directory of the one would have to replace something else in the other, or the other
# way round, or where nothing can be put: before anything is in place. It adds the directories that get something to into.
refuse_clashes() {
	local entry there
	for entry in "$1"/*; do
		there=$2/${entry##*/}
		if [[ ! -L $entry && -d $entry ]]; then
			if [[ ! -L $there && -d $there ]]; then
				refuse_clashes "$entry" "$there"
				continue
			elif [[ -L $there || -e $there ]]; then
				fail "$there is there already, and is no directory"
			fi
		elif [[ ! -L $there && -d $there ]]; then
			fail "$there is there already, and is a directory"
		else
			refuse_special "$there"
		fi
		[[ -w $2 && -x $2 ]] || fail "can't write into $2: Permission denied"
		[[ ${into[-1]} == "$2" ]] || into+=("$2")
	done
}

# refuse_borders fails where one of into is on another file system than the stage, which no hard link reaches.
refuse_borders() {
	local devices i
	mapfile -t devices < <(printf '%s\0' "${into[@]}" | xargs -0 stat -c %d --)
	for i in "${!devices[@]}"; do
		if [[ ${devices[i]} != "${devices[0]}" ]]; then
			fail "${into[i]} is on another file system: copy ${into[i]##*/}/. to it by itself"
		fi
	done
}

# move renames. A directory that its owner may not write can't change its parent, so it may be written meanwhile.
move() {
	local mode=
	if [[ ! -L $1 && -d $1 && ! -w $1 ]]; then
		mode=$(stat -c %a -- "$1") && chmod u+w -- "$1" || return
	fi
	mv -fT -- "$1" "$2" || return
	[[ -z $mode ]] || chmod "$mode" -- "$2"
}

# clean_up needs a second try where a directory may not be written.
clean_up() {
	[[ -n $stage && -d $stage ]] || return 0
	rm -rf -- "$stage" 2>/dev/null && return
	find "$stage" -type d -exec chmod u+rwx -- {} + && rm -rf -- "$stage"
}
