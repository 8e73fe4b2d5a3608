#!/usr/bin/env bash
# Lists the work under every /home/*/code/VM that would be lost with the VM: what is not committed, also in a repository's
# worktrees elsewhere, or on no remote outside of the guest, also in what is left of a submodule, or in no repository.
#
# Arguments: NONCE VM. Runs as root, and git as the owner of each repository, whose configuration can name programs to run.
# Results on stdout: a line NONCE; lines PATH<TAB>WHAT; last a line `done`, without which nobody looked at everything.
set -uo pipefail

say() { printf '%s\t%s\n' "$1" "$2"; }

# run_git REPOSITORY WORD... runs git as the owner. A repository that is damaged is not taken for a part of one above it.
run_git() {
	local repository=$1 owner
	shift
	owner=$(stat -c %U -- "$repository") || return
	LC_ALL=C sudo -n -H -u "$owner" GIT_CEILING_DIRECTORIES="${repository%/*}" \
		git -C "$repository" --no-optional-locks -c core.fsmonitor=false "${git_options[@]}" "$@" </dev/null
}

# lasting_remotes sets remotes to git's options for all remote branches that lie outside of the guest.
lasting_remotes() {
	local name url
	remotes=()
	while read -r name; do
		url=$(run_git "$1" remote get-url -- "$name") || continue
		! is_outside "$url" || remotes+=("--remotes=$name")
	done < <(run_git "$1" remote)
}

# is_outside tells of a remote's URL, in any form that git takes (gitremote-helpers(7) has HELPER::URL), whether another machine
# has it.
is_outside() {
	local url=$1 host own
	[[ ! $url =~ ^[A-Za-z0-9+.-]+::(.*) ]] || url=${BASH_REMATCH[1]}
	case $url in
	/* | file:*) return 1 ;;
	*://*)
		host=${url#*://}
		host=${host%%/*}
		;;
	*:*)
		host=${url%:*}
		[[ $host == *\]* ]] || host=${url%%:*}
		[[ $host != */* ]] || return 1 # a path
		;;
	*) return 1 ;;
	esac
	host=${host##*@}
	if [[ $host == \[* ]]; then
		host=${host#\[}
		host=${host%%\]*}
	else
		host=${host%%:*}
	fi
	host=${host,,}
	case ${host%.} in
	'' | localhost | *.localhost | localhost.localdomain | 0 | 0.* | 127.* | :: | ::1 | ::ffff:127.*) return 1 ;;
	esac
	IFS= read -r own </proc/sys/kernel/hostname
	for own in "$own" "${own%%.*}" $(hostname -I 2>/dev/null); do
		[[ $host != "${own,,}" ]] || return 1
	done
}

# first LINES is the first line and how many follow.
first() {
	local line more
	IFS= read -r line
	more=$(grep -c .)
	if ((more > 0)); then
		echo "$line (and $more more)"
	else
		echo "$line"
	fi
}

# ask REPOSITORY WORD... sets found to what git says, or says why it can't, which counts as work like any other.
ask() {
	found=$(run_git "$@" 2>"$scratch/git") && return
	say "$1" "git can't look: $(first <"$scratch/git")"
	return 1
}

# report REPOSITORY WHAT says what was found, if anything was.
report() { [[ -z $found ]] || say "$1" "$2: $(first <<<"$found")"; }

# look_into_tree fails where git can't look. The repository's configuration must not hide anything but what is to be ignored.
look_into_tree() {
	local file closed
	ask "$1" status --porcelain=v1 --untracked-files=normal --ignore-submodules=none || return
	report "$1" 'not committed'
	# Of a directory that its user may not read git warns, and takes it for empty.
	closed=$(sed -n 's/^warning: could not open directory //p' "$scratch/git")
	[[ -z $closed ]] || say "$1" "git can't look into $(first <<<"$closed")"
	# Files whose changes git is told not to see: update-index --assume-unchanged gives a small letter, --skip-worktree an S, which
	# those that a sparse checkout leaves out have, too.
	found=
	while IFS= read -r -d '' file; do
		if [[ $file == [[:lower:]S]\ * && -e $1/${file:2} ]]; then
			found+=${file:2}$'\n'
		fi
	done < <(run_git "$1" ls-files -v -z 2>/dev/null)
	found=${found%$'\n'}
	report "$1" 'hidden from git'
	# What was not committed when a rebase or merge began that has not ended.
	ask "$1" rev-parse --git-path rebase-merge/autostash --git-path rebase-apply/autostash --git-path MERGE_AUTOSTASH || return
	while IFS= read -r file; do
		[[ $file == /* ]] || file=$1/$file
		[[ ! -e $file ]] || say "$1" "stashed: ${file##*/} of what goes on there"
	done <<<"$found"
}

# look_into_worktrees REPOSITORY CODE looks into those that were not found under CODE, once each. There, what has no .git is the
# directory of a submodule's repository, or holds loose files.
look_into_worktrees() {
	local found line tree=
	ask "$1" worktree list --porcelain || return
	while IFS= read -r line; do
		case $line in
		'worktree '*) tree=${line#worktree } ;;
		bare) tree= ;;
		'')
			if [[ -d $tree && -z ${looked[$tree]-} && ! $tree -ef $common && (-e $tree/.git || $tree/ != "$2"/*) ]]; then
				looked[$tree]=1
				look_into_tree "$tree"
			fi
			;;
		esac
	done <<<"$found"$'\n'
}

# look_into_repository REPOSITORY CODE fails where the files in its directory are not its own: it is bare, as one beside its
# worktrees may be, or its work tree is elsewhere. It sets common to the directory that the repository shares with its worktrees.
look_into_repository() {
	local found bare inside=
	ask "$1" rev-parse --is-inside-work-tree --is-bare-repository --git-common-dir || return 0
	{
		read -r inside
		read -r bare
		IFS= read -r common
	} <<<"$found"
	[[ $common == /* ]] || common=$1/$common
	[[ $bare == true ]] || look_into_tree "$1" || return 0
	look_into_worktrees "$1" "$2"
	if [[ $bare == true ]]; then
		local git_options=(--git-dir=.git --work-tree=.) # or git would not list a stash
	fi
	look_into_commits "$1"
	look_into_modules "$1"
	[[ $inside == true ]]
}

# look_into_modules looks into the repositories of submodules that are in no tree any more, or in one that nobody looks into.
look_into_modules() {
	local dir tree git_options=(--git-dir=. --work-tree=.) roots=()
	for dir in "$common"/modules "$common"/worktrees/*/modules; do
		[[ ! -d $dir ]] || roots+=("$dir")
	done
	((${#roots[@]} > 0)) || return 0
	while IFS= read -r -d '' dir; do
		dir=${dir%/HEAD}
		[[ -d $dir/objects && -z ${looked[$dir]-} ]] || continue
		looked[$dir]=1
		if tree=$(run_git "$dir" config core.worktree); then
			[[ $tree == /* ]] || tree=$dir/$tree
			! is_looked_into "$tree" "$dir" || continue
		fi
		look_into_commits "$dir"
	done < <(search "$1" "${roots[@]}" -ignore_readdir_race -name HEAD -type f -print0)
}

# is_looked_into TREE GITDIR tells whether a submodule is there as a repository that was found.
is_looked_into() {
	local tree named
	tree=$(cd -P -- "$1" 2>/dev/null && pwd) && [[ -n ${looked[$tree]-} && -f $tree/.git ]] || return
	IFS= read -r named <"$tree/.git"
	named=${named#gitdir: }
	[[ $named == /* ]] || named=$tree/$named
	[[ $named -ef $2 ]]
}

# search PLACE WORD... runs find, and says of the place where that can't look at everything, which counts as work like any other.
search() {
	local place=$1 status=0
	shift
	find "$@" 2>"$scratch/find" || status=$?
	((status == 0 || status == 141)) || # who reads has enough
		say "$place" "nobody can look at all of it: $(first <"$scratch/find")" >&3
}

look_into_commits() {
	local found remotes
	ask "$1" stash list || return
	report "$1" 'stashed'
	lasting_remotes "$1"
	if ((${#remotes[@]} == 0)); then
		ask "$1" rev-list --count --all || return
		[[ $found == 0 ]] || say "$1" "no remote outside of this VM; commits: $found"
		return
	fi
	# --all is HEAD too, where that is a commit: by its name, one on a branch without commits is an error.
	ask "$1" log --format='%h %s' --exclude='refs/remotes/*' --exclude=refs/stash --all --not "${remotes[@]}" -- || return
	report "$1" 'not pushed'
}

# prune adds a path to what find leaves out, which takes it for a pattern.
prune() { loose+=(-path "${1//[*?[\\]/\\&}" -prune -o); }

look_into() {
	local path common repositories=() loose=()
	while IFS= read -r -d '' path; do
		repositories+=("${path%/.git}")
		looked[${path%/.git}]=1
	done < <(search "$1" "$1" -ignore_readdir_race -name .git -prune -print0)
	if ((${#repositories[@]} > 0)) && ! command -v git >/dev/null; then
		say "$1" "it holds a repository, and there is no git to look into it"
		return
	fi
	for path in "${repositories[@]}"; do
		if look_into_repository "$path" "$1"; then
			prune "$path"
		else
			prune "$path/.git"
			prune "$common"
		fi
	done
	path=$(search "$1" "$1" -ignore_readdir_race "${loose[@]}" ! -type d -print | head -n 1000 | first)
	[[ -z $path ]] || say "$1" "in no repository: $path"
}

printf '%s\n' "$1"
shift
scratch=$(mktemp -d) || exit
trap 'rm -rf -- "$scratch"' EXIT
exec 3>&1
declare -A looked=()
git_options=()
seen=
for code in /home/*/code/"$1"; do
	[[ -d $code ]] || continue
	seen=1
	look_into "$code"
done
[[ -n $seen ]] || say "/home/*/code/$1" 'there is no such directory, so nobody knows where the work is'
echo 'done'
