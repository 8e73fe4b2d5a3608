# shellcheck shell=bash
# Completion of dvm for bash 3.2 or later. In ~/.bashrc: eval "$(dvm completion bash)"

# _dvm_quoted tells whether a quote is open at the end of a line.
_dvm_quoted() {
	local i quote=
	for ((i = 0; i < ${#1}; i++)); do
		case $quote${1:i:1} in
		\\ | \"\\) i=$((i + 1)) ;;
		\' | \") quote=${1:i:1} ;;
		\'\' | \"\") quote= ;;
		esac
	done
	[[ -n $quote ]]
}

_dvm() {
	local line words word old='' paths=''
	COMPREPLY=()
	((BASH_VERSINFO[0] > 3)) || old=1 # as macOS's, which has no compopt: quotes and spaces are put in here
	# COMP_WORDS breaks words at colons, and would tear VM:path. Backslashes are the shell's own.
	# shellcheck disable=SC2162
	IFS=$' \t' read -a words <<<"${COMP_LINE:0:COMP_POINT}"
	case ${COMP_LINE:0:COMP_POINT} in
	*[[:blank:]]) words+=('') ;;
	esac
	while [[ ${words[0]-} == *=* ]]; do # DVM_CPUS=4 dvm …
		words=("${words[@]:1}")
	done
	word=${words[${#words[@]} - 1]}
	if _dvm_quoted "${COMP_LINE:0:COMP_POINT}"; then # the word is longer than what read made of it
		[[ ${words[1]-} != cp || ${word%%/*} == *:* ]] || compopt -o default 2>/dev/null
		return 0
	fi
	case "${words[${#words[@]} - 2]} $word" in # a redirection leads to a file of this host
	*[\<\>]\ * | *\ *[\<\>]*)
		compopt -o default 2>/dev/null
		return 0
		;;
	esac
	while IFS= read -r line; do
		if [[ $line == :paths ]]; then
			while IFS= read -r line; do
				if [[ -n $old ]]; then
					[[ -d $line ]] && line+=/
					printf -v line %q "$line"
					[[ $line == */ ]] || line+=' '
				fi
				COMPREPLY+=("$line") paths=1
			done < <(compgen -f -- "$word")
			continue
		fi
		line=${line%%$'\t'*}
		if [[ $line == *: ]]; then
			compopt -o nospace 2>/dev/null
		elif [[ -n $old ]]; then
			line+=' '
		fi
		COMPREPLY+=("$line")
	done < <(command dvm completion next -- "${words[@]:1}" 2>/dev/null)
	[[ -z $paths ]] || compopt -o filenames 2>/dev/null # which would have a backslash before the colon of a VM alone
	return 0
}

if ((BASH_VERSINFO[0] > 3)); then
	complete -F _dvm dvm
else
	complete -o nospace -F _dvm dvm
fi
