#!/usr/bin/env bash
# Packs an archive of a file or directory of the guest. It follows copy.sh on the wire.
#
# The archive is on stdout, after the line that says that it begins. The root of that of a directory is a dot. stdin stays
# open as long as the host wants the archive.
#
# shellcheck disable=SC2154 # the inputs are assigned before this text

copy_out() {
	local dir member words tar watcher status
	exec 4<&0 </dev/null
	begin
	if [[ -d $copy_path && ! -L $copy_path ]]; then
		dir=$copy_path member=.
	else
		if [[ ! -e $copy_path && ! -L $copy_path ]]; then
			words=$(ls -d -- "$copy_path" 2>&1) || fail "${words#ls: }"
		fi
		# Their sizes say nothing of what is in them.
		[[ $copy_path != /@(proc|sys)/* ]] || fail "a file of /proc or /sys has no size to go by; dvm ssh and cat copy it"
		dir=${copy_path%/*}/ member=./${copy_path##*/}
	fi
	# Holes are not sent, and fractions of a second are. A backslash in a name is one.
	tar --create --blocking-factor=512 --format=posix --pax-option=delete=atime,delete=ctime --sparse --no-unquote --directory="$dir" -- "$member" 4<&- &
	tar=$!
	watch_host &
	watcher=$!
	disown "$watcher"
	wait "$tar"
	status=$?
	kill "$watcher"
	# 1 is for files that changed or went away meanwhile: what tar says of them is passed on.
	finish $((status == 1 ? 0 : status))
}

# watch_host ends tar when the host goes away.
watch_host() {
	exec >/dev/null 2>&1
	local rest
	while read -r -u 4 rest; do :; done
	kill "$tar"
}

clean_up() { :; }
