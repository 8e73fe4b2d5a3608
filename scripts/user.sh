#!/usr/bin/env bash
# DVM_USER exists, with a home of mode 0711 and a login shell, and may sudo if and only if DVM_SUDO is 1.
#
# Inputs: DVM_USER, DVM_SUDO. apply runs as root.
#
# A check reads /etc/passwd and /etc/group and runs one stat. Whether the user may sudo is membership of the group
# dvm-sudo, which one fixed file in /etc/sudoers.d names.
set -Eeuo pipefail

readonly home=/home/$DVM_USER
readonly sudo_group=dvm-sudo
readonly first_uid=1000 last_uid=60000 # people's accounts; others belong to the system

# find_user sets uid, gid, user_home and user_shell, and fails where there is no such account.
find_user() {
	local name
	while IFS=: read -r name _ uid gid _ user_home user_shell; do
		[[ $name == "$1" ]] && return
	done </etc/passwd
	return 1
}

# find_group sets group_gid and group_members, and fails where there is no such group.
find_group() {
	local name
	while IFS=: read -r name _ group_gid group_members; do
		[[ $name == "$1" ]] && return
	done </etc/group
	return 1
}

may_sudo() { find_group "$sudo_group" && [[ ,$group_members, == *",$DVM_USER,"* ]]; }

# refuse says why the name can't be used, and on a second line a name that can.
refuse() {
	local name
	echo "$1"
	for name in developer dev coder project; do
		if ! find_user "$name" && ! find_group "$name"; then
			echo "$name"
			break
		fi
	done
	exit 2
}

check() {
	local uid gid user_home user_shell group_gid group_members
	if find_user "$DVM_USER"; then
		[[ $uid != "$EUID" ]] || refuse "$DVM_USER is Lima's own account, which has root's rights"
		((uid >= first_uid && uid <= last_uid)) || refuse "$DVM_USER is a system account (uid $uid)"
	elif find_group "$DVM_USER" && ((group_gid < first_uid)); then
		refuse "$DVM_USER is a system group (gid $group_gid)"
	else
		echo "no user $DVM_USER"
		exit 1
	fi
	local problems=() found
	[[ $user_home == "$home" ]] || problems+=("home directory is ${user_home:-unset}, not $home")
	login_shell || problems+=("login shell is ${user_shell:-unset}")
	found=$(LC_ALL=C exec stat -c '%F, uid %u, mode %a' -- "$home" 2>/dev/null) || found=missing
	[[ $found == "directory, uid $uid, mode 711" ]] || problems+=("$home is $found")
	if [[ $DVM_SUDO == 1 ]]; then
		may_sudo || problems+=("may not sudo")
	else
		! may_sudo || problems+=("may sudo")
	fi
	if ((${#problems[@]} > 0)); then
		local joined
		printf -v joined '%s; ' "${problems[@]}"
		echo "${joined%; }"
		exit 1
	fi
	echo "$DVM_USER, uid $uid"
}

login_shell() { [[ -x $user_shell && $user_shell != */nologin && $user_shell != */false ]]; }

apply() {
	local uid gid user_home user_shell group_gid group_members
	if [[ -L $home || (-e $home && ! -d $home) ]]; then
		echo "$home is in the way: it is no directory" >&2
		return 1
	fi
	if ! find_user "$DVM_USER"; then
		local options=(--create-home --home-dir "$home" --shell /bin/bash -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0)
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
	[[ -d $home ]] || fill_home
	chown -h "$uid:$gid" -- "$home"
	chmod 00711 -- "$home" # five digits take setgid away too
	allow_sudo
}

# fill_home does what useradd does for a new user. The files are the user's last of all.
fill_home() {
	cp -R -- /etc/skel "$home"
	if command -v restorecon >/dev/null; then
		restorecon -R -- "$home"
	fi
	chown -h -R "$uid:$gid" -- "$home"
}

allow_sudo() {
	if [[ $DVM_SUDO != 1 ]]; then
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
