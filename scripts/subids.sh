#!/usr/bin/env bash
# DVM_USER has a range of subordinate ids of at least the counts asked for, in /etc/subuid and /etc/subgid, which no
# other user shares. A range that is too small gets a second one; a count of 0 means none at all.
#
# Inputs: DVM_USER, DVM_SUBUID_COUNT, DVM_SUBGID_COUNT. apply runs as root.
#
# Both files are read whole by the shell.
set -Eeuo pipefail

lowest=524288      # where Fedora's own allocation begins
highest=4294967294 # the largest id that is not the error value

# read_ranges FILE sets own_first, own_count, other_first and other_count: who has what. A line may name a uid, which is not
# known of a user yet to be made.
read_ranges() {
	local owner first count
	own_first=() own_count=() other_first=() other_count=()
	[[ -e $1 ]] || return 0
	# The last line may have no end. A range of no ids is none: usermod can't take it away.
	while IFS=: read -r owner first count || [[ -n $owner ]]; do
		if ! is_number "$first" || ! is_number "$count" || ((count == 0)); then
			continue
		fi
		[[ $uid != none ]] || ! is_number "$owner" || by_uid=1
		if [[ $owner == "$DVM_USER" || $owner == "$uid" ]]; then
			own_first+=("$first") own_count+=("$count")
		else
			other_first+=("$first") other_count+=("$count")
		fi
	done <"$1"
}

# is_number is a pattern, which costs less here than a regular expression.
is_number() { [[ -n $1 && $1 != *[!0-9]* ]]; }

# clash FIRST COUNT sets until to the end of another's range that overlaps this one, and fails where there is none.
clash() {
	local i
	for i in "${!other_first[@]}"; do
		if (($1 < other_first[i] + other_count[i] && other_first[i] < $1 + $2)); then
			until=$((other_first[i] + other_count[i]))
			return
		fi
	done
	return 1
}

find_uid() {
	local lines line
	mapfile -t lines </etc/passwd # at once: line by line, bash would go back in it after each
	for line in "${lines[@]}"; do
		if [[ $line == "$DVM_USER:"* ]]; then
			line=${line#*:*:}
			uid=${line%%:*}
			return
		fi
	done
	uid=none
}

# examine FILE COUNT adds what is wrong with the ranges in the file to problems.
examine() {
	local i until enough=
	read_ranges "$1"
	if (($2 == 0)); then
		((${#own_first[@]} == 0)) || problems+=("$1 has ${own_count[0]}, wants none")
		return 0
	fi
	for i in "${!own_first[@]}"; do
		if clash "${own_first[i]}" "${own_count[i]}"; then
			problems+=("$1 shares ${own_first[i]}:${own_count[i]} with another user")
			return 0
		fi
		((own_count[i] < $2)) || enough=1
	done
	[[ -n $enough ]] || problems+=("$1 has ${own_count[*]:-none}, wants $2")
}

look() {
	local uid by_uid="" own_first own_count other_first other_count problems=()
	find_uid
	examine /etc/subuid "$DVM_SUBUID_COUNT"
	examine /etc/subgid "$DVM_SUBGID_COUNT"
	if [[ -n $by_uid ]]; then
		why="there are ranges of uids, and no user $DVM_USER"
		return 3
	fi
	if ((${#problems[@]} > 0)); then
		printf -v why '%s; ' "${problems[@]}"
		why=${why%; }
		return 1
	fi
	why="$DVM_SUBUID_COUNT uids, $DVM_SUBGID_COUNT gids"
}

apply() {
	local uid
	find_uid
	settle /etc/subuid "$DVM_SUBUID_COUNT" --add-subuids
	settle /etc/subgid "$DVM_SUBGID_COUNT" --add-subgids
}

# settle FILE COUNT ADD takes away the ranges that must not stay and adds one where none is large enough.
settle() {
	local own_first own_count other_first other_count i until enough=
	if [[ ! -e $1 ]]; then
		(umask 0022 && : >>"$1")
	fi
	read_ranges "$1"
	for i in "${!own_first[@]}"; do
		if (($2 == 0)) || clash "${own_first[i]}" "${own_count[i]}"; then
			remove "$1" "${own_first[i]}:${own_count[i]}"
			unset "own_first[i]" "own_count[i]"
		elif ((own_count[i] >= $2)); then
			enough=1
		fi
	done
	if (($2 == 0)) || [[ -n $enough ]]; then
		return 0
	fi
	# A second range of the user's own must not overlap the first either.
	other_first+=("${own_first[@]}") other_count+=("${own_count[@]}")
	local first=$lowest
	while clash "$first" "$2"; do
		first=$until
	done
	if ((first + $2 - 1 > highest)); then
		echo "$1 has no room for $2 more ids" >&2
		return 1
	fi
	usermod "$3" "$first-$((first + $2 - 1))" -- "$DVM_USER"
}

# remove FILE RANGE takes lines away. usermod would not while the user has a process, and leaves a line that names the uid.
remove() { sed -i "/^\($DVM_USER\|$uid\):$2\$/d" -- "$1"; }
