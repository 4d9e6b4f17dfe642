# bash completion of agentkeeper. Load it with
#   source <(agentkeeper completion bash)
# or install it as /usr/share/bash-completion/completions/agentkeeper.
_agentkeeper() {
    local line=${COMP_LINE:0:COMP_POINT} word prefix= i candidate files=
    word=${line##*[[:space:]]}
    # bash takes @, = and : for the ends of words; what it takes for earlier
    # words must not be in the answer.
    for ((i = ${#word} - 1; i >= 0; i--)); do
        if [[ ${word:i:1} == [@=:] && $COMP_WORDBREAKS == *"${word:i:1}"* ]]; then
            prefix=${word:0:i+1}
            break
        fi
    done
    COMPREPLY=()
    while IFS=$'\t' read -r candidate _; do
        if [[ $candidate == :files ]]; then
            files=1
            continue
        fi
        [[ $candidate == *= ]] && compopt -o nospace 2>/dev/null
        COMPREPLY+=("${candidate#"$prefix"}")
    done < <("${COMP_WORDS[0]}" complete --line "$line" 2>/dev/null)
    if [[ -n $files ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r candidate; do
            COMPREPLY+=("$candidate")
        done < <(compgen -f -- "${word#"$prefix"}")
    fi
}
complete -F _agentkeeper agentkeeper
