#compdef agentkeeper
# zsh completion of agentkeeper. Load it with
#   source <(agentkeeper completion zsh)
# or install it as _agentkeeper in a directory of $fpath.
_agentkeeper() {
    local -a lines plain described
    local line files=
    lines=("${(@f)$("${words[1]}" complete --line "${(j: :)words[1,CURRENT]}" 2>/dev/null)}")
    for line in $lines; do
        if [[ $line == :files ]]; then
            files=1
        elif [[ -n $line ]]; then
            plain+=("${line%%$'\t'*}")
            described+=("${line/$'\t'/  -- }")
        fi
    done
    (( $#plain )) && compadd -l -Q -d described -a plain
    [[ -n $files ]] && _files
}
if [[ $funcstack[1] == _agentkeeper ]]; then
    _agentkeeper "$@"
else
    compdef _agentkeeper agentkeeper
fi
