# Completion of dvm for fish. In ~/.config/fish/config.fish: dvm completion fish | source

function __dvm_next
    set -l words (commandline -opc) (commandline -ct)
    while string match -q '*=*' -- $words[1] # DVM_CPUS=4 dvm …
        set -e words[1]
    end
    for line in (command dvm completion next -- $words[2..-1] 2>/dev/null)
        if test $line = :paths
            complete -C "'' "(commandline -ct) # of no command, so paths; __fish_complete_path takes no quoted ones
        else
            echo $line
        end
    end
end

complete -c dvm -f -a '(__dvm_next)'
