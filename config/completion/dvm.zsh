#compdef dvm
# Completion of dvm for zsh. In ~/.zshrc, after compinit: eval "$(dvm completion zsh)"
# Or write it to a file called _dvm in a directory of $fpath.

_dvm() {
  local line paths=
  local -a described remote
  while IFS= read -r line; do
    case $line in
      :paths) paths=1 ;;
      *:$'\t'*) remote+=("${line%%$'\t'*}") ;;
      *$'\t') described+=("${line%%$'\t'*}") ;;
      *) described+=("${line%%$'\t'*}:${line#*$'\t'}") ;;
    esac
  done < <(command dvm completion next -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  (( $#described )) && _describe -V 'dvm' described
  (( $#remote )) && compadd -S '' -X 'VM' -- "${remote[@]}"
  [[ -n $paths ]] && _files
  return 0
}

if [[ ${funcstack[1]-} == _dvm ]]; then
  _dvm "$@"
else
  compdef _dvm dvm
fi
