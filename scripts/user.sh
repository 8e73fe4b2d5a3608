#!/usr/bin/env bash
# DVM_USER exists, with a home of mode 0711 and a login shell, and may sudo if and only if DVM_SUDO is 1.
#
# Inputs: DVM_USER, DVM_SUDO. apply runs as root.
#
# A look reads /etc/passwd and /etc/group, and asks for the home. Whether the user may sudo is membership of the group
# dvm-sudo, which one fixed file in /etc/sudoers.d names. A useradd or the like that was cut off is told by the lock files
# that it left, since what else it left out a look can't read; a home that is not whole yet by its mode, which comes last.
set -Eeuo pipefail

home=/home/$DVM_USER
sudo_group=dvm-sudo
account_locks=(/etc/{passwd,shadow,group,gshadow,subuid,subgid}.lock)
unfinished=01700              # the mode of a home that is not whole yet, which nobody sets by hand
first_uid=1000 last_uid=60000 # people's accounts; others belong to the system

# find_user sets uid, gid, user_home and user_shell, and fails where there is no such account.
find_user() {
	local line
	find_line "$1" /etc/passwd || return
	user_shell=${line##*:} line=${line%:*}
	user_home=${line##*:} line=${line#*:*:}
	uid=${line%%:*} line=${line#*:}
	gid=${line%%:*}
}

# find_group sets group_gid and group_members, and fails where there is no such group.
find_group() {
	local line
	find_line "$1" /etc/group || return
	group_members=${line##*:} line=${line#*:*:}
	group_gid=${line%%:*}
}

# find_line NAME FILE sets line. The file is read at once: line by line, bash would go back in it after each.
find_line() {
	local lines
	mapfile -t lines <"$2"
	for line in "${lines[@]}"; do
		[[ $line != "$1:"* ]] || return 0
	done
	return 1
}

may_sudo() { find_group "$sudo_group" && [[ $gid == "$group_gid" || ,$group_members, == *",$DVM_USER,"* ]]; }

# refuse says why the name can't be used, and on a second line a name that can.
refuse() {
	local name
	why=$1
	for name in developer dev coder project; do
		if ! find_user "$name" && ! find_group "$name"; then
			why+=$'\n'$name
			break
		fi
	done
	return 2
}

look() {
	local uid gid user_home user_shell group_gid group_members
	if find_user "$DVM_USER"; then
		if [[ $uid == "$EUID" ]]; then
			refuse "$DVM_USER is Lima's own account, which has root's rights"
			return
		elif ((uid < first_uid || uid > last_uid)); then
			refuse "$DVM_USER is a system account (uid $uid)"
			return
		fi
	elif find_group "$DVM_USER" && ((group_gid < first_uid)); then
		refuse "$DVM_USER is a system group (gid $group_gid)"
		return
	else
		why="no user $DVM_USER"
		return 1
	fi
	local problems=() found=missing lock file_type file_uid file_mode
	for lock in "${account_locks[@]}"; do
		[[ ! -e $lock ]] || problems+=("$lock is there")
	done
	[[ $user_home == "$home" ]] || problems+=("home directory is ${user_home:-unset}, not $home")
	login_shell || problems+=("login shell is ${user_shell:-unset}")
	if find_file "$home"; then
		if [[ $file_type != directory ]]; then
			why="$home is in the way: it is no directory"
			return 2
		fi
		found="$file_type, uid $file_uid, mode $file_mode"
	fi
	[[ $found == "directory, uid $uid, mode 711" ]] || problems+=("$home is $found")
	if [[ $DVM_SUDO == 1 ]]; then
		may_sudo || problems+=("may not sudo")
	else
		! may_sudo || problems+=("may sudo")
	fi
	if ((${#problems[@]} > 0)); then
		printf -v why '%s; ' "${problems[@]}"
		why=${why%; }
		return 1
	fi
	why="$DVM_USER, uid $uid"
}

login_shell() { [[ -f $user_shell && -x $user_shell && $user_shell != */nologin && $user_shell != */false ]]; }

apply() {
	local uid gid user_home user_shell group_gid group_members
	if [[ -L $home || (-e $home && ! -d $home) ]]; then
		echo "$home is in the way: it is no directory" >&2
		return 1
	fi
	mend_accounts
	if find_user "$DVM_USER"; then
		fill_home
	else
		[[ ! -d $home ]] || chmod "$unfinished" -- "$home"
		local options=(--create-home --home-dir "$home" --shell /bin/bash -K HOME_MODE="$unfinished" -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0)
		if find_group "$DVM_USER"; then
			options+=(--gid "$DVM_USER")
		else
			options+=(--user-group)
		fi
		# Subordinate ids are a step of their own: useradd fails where its range is used up.
		useradd "${options[@]}" -- "$DVM_USER"
		find_user "$DVM_USER"
	fi
	[[ $user_home == "$home" ]] || usermod --home "$home" -- "$DVM_USER"
	login_shell || usermod --shell /bin/bash -- "$DVM_USER"
	chown -h "$uid:$gid" -- "$home"
	chmod 00711 -- "$home" # five digits take setgid away too
	allow_sudo
}

# mend_accounts completes what a useradd, usermod, groupadd or gpasswd left out that was cut off.
mend_accounts() {
	local lock pid cut_off=
	for lock in "${account_locks[@]}"; do
		[[ -e $lock ]] || continue
		pid=
		IFS= read -r -d '' pid <"$lock" || true
		# After a boot another process may have the number.
		if [[ ! $pid =~ ^[0-9]+$ || ! -e /proc/$pid || $lock -ot /run/lima-boot-done ]]; then
			cut_off=1
			rm -f -- "$lock"
		fi
	done
	[[ -n $cut_off ]] || return 0
	if find_user "$DVM_USER" && ! gid_has_group; then
		groupadd --gid "$gid" -- "$DVM_USER"
	fi
	pwconv
	grpconv
}

gid_has_group() {
	local id
	while IFS=: read -r _ _ id _ || [[ -n $id ]]; do
		[[ $id == "$gid" ]] && return
	done </etc/group
	return 1
}

# fill_home makes a home where there is none, and puts what it lacks into one that is not whole; into another it puts nothing,
# whatever was taken out of it. The user does it, since a user can put symlinks there.
fill_home() {
	local file mode=$unfinished missing=() there=
	if [[ -d $home ]]; then
		mode=0$(stat -c %a -- "$home")
		[[ $mode != 0711 ]] || return 0
	else
		mkdir -m "$unfinished" -- "$home"
		# The label that useradd would have given it.
		if command -v restorecon >/dev/null; then
			restorecon -- "$home"
		fi
	fi
	chown -h "$uid:$gid" -- "$home"
	for file in /etc/skel/{*,.[!.]*}; do
		if [[ -e $home/${file##*/} || -L $home/${file##*/} ]]; then
			there=1
		elif [[ -e $file ]]; then
			missing+=("$file")
		fi
	done
	# Before it gets that mode, useradd puts nothing there.
	[[ $mode == "$unfinished" || -z $there ]] || return 0
	chmod "$unfinished" -- "$home" # useradd makes it with no mode at all, and may have been cut off before it had one
	((${#missing[@]} == 0)) || sudo -n -u "$DVM_USER" cp -R -- "${missing[@]}" "$home"
}

allow_sudo() {
	if [[ $DVM_SUDO != 1 ]]; then
		if may_sudo && [[ $gid == "$group_gid" ]]; then
			find_group "$DVM_USER" || groupadd -- "$DVM_USER"
			usermod --gid "$DVM_USER" -- "$DVM_USER"
			find_user "$DVM_USER"
		fi
		if may_sudo; then
			gpasswd --delete "$DVM_USER" "$sudo_group"
		fi
		return
	fi
	find_group "$sudo_group" || groupadd --system "$sudo_group"
	# The rule comes before the member, because the check sees the member alone. sudo skips names with a dot.
	local rule=/etc/sudoers.d/dvm
	(umask 0337 && printf '%%%s ALL=(ALL:ALL) NOPASSWD: ALL\n' "$sudo_group" >"$rule.new")
	mv -f -- "$rule.new" "$rule"
	may_sudo || gpasswd --add "$DVM_USER" "$sudo_group"
}
