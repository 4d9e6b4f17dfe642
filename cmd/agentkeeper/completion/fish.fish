# fish completion of agentkeeper. Load it with
#   agentkeeper completion fish | source
# or install it as ~/.config/fish/completions/agentkeeper.fish.
function __agentkeeper_complete
    set -l line (commandline -cp | string collect)
    for candidate in (command agentkeeper complete --line "$line" 2>/dev/null)
        if test "$candidate" = ":files"
            __fish_complete_path (commandline -ct)
        else
            echo $candidate
        end
    end
end
complete -c agentkeeper -f -a '(__agentkeeper_complete)'
