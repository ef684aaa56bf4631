import { choiceArgument, defineCommand } from "./command.ts";

export const command = defineCommand({
  about: "Prints a script that makes a shell complete commands, flags, and the names " +
    "of servers and agents.",
  example: "source <(agent-mcp-gateway completions bash)",
  args: [
    choiceArgument("The shell: bash, zsh, fish or powershell", [
      "bash",
      "zsh",
      "fish",
      "powershell",
    ]),
  ],
  run({ args: [shell], stdout }) {
    stdout.write(SCRIPTS[shell]);
    return 0;
  },
});

// The scripts run the program for each completion, so that they stay correct after an update or a change
// of the configuration.

const BASH = `# Completion of agent-mcp-gateway for bash. In ~/.bashrc:
#   source <(agent-mcp-gateway completions bash)
_agent_mcp_gateway() {
  local line="\${COMP_LINE:0:COMP_POINT}" words=() reply last=""
  # Not COMP_WORDS, which is split at : and =; names and flags may contain these.
  read -ra words <<<"$line"
  case "$line" in *[[:space:]]) words+=("") ;; esac
  [ "\${#words[@]}" -gt 0 ] && last="\${words[\${#words[@]}-1]}"
  COMPREPLY=()
  while IFS=$'\\t' read -r reply _; do
    # The text before the last : or = is on the line already.
    case "$last" in
      *[:=]*) reply="\${reply#"\${last%"\${last##*[:=]}"}"}" ;;
    esac
    printf -v reply %q "$reply"
    COMPREPLY+=("$reply")
  done < <("$1" __complete "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _agent_mcp_gateway agent-mcp-gateway
`;

const ZSH = `#compdef agent-mcp-gateway
# Completion of agent-mcp-gateway for zsh. In ~/.zshrc, after compinit:
#   source <(agent-mcp-gateway completions zsh)
_agent_mcp_gateway() {
  local -a proposals
  local word brief
  while IFS=$'\\t' read -r word brief; do
    proposals+=("\${word//:/\\\\:}:$brief")
  done < <("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#proposals} )); then
    _describe 'agent-mcp-gateway' proposals
  else
    _files
  fi
}
compdef _agent_mcp_gateway agent-mcp-gateway
`;

const FISH = `# Completion of agent-mcp-gateway for fish:
#   agent-mcp-gateway completions fish > ~/.config/fish/completions/agent-mcp-gateway.fish
function __agent_mcp_gateway_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] __complete $words[2..-1] 2>/dev/null
end
complete -c agent-mcp-gateway -a '(__agent_mcp_gateway_complete)'
`;

const POWERSHELL = `# Completion of agent-mcp-gateway for PowerShell. In $PROFILE:
#   agent-mcp-gateway completions powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName agent-mcp-gateway -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | ForEach-Object { $_.ToString() })
    $rest = @($words | Select-Object -Skip 1)
    if ($wordToComplete -eq '') { $rest += '""' }
    & $words[0] __complete @rest 2>$null | ForEach-Object {
        $word, $brief = $_ -split "\`t", 2
        if (-not $brief) { $brief = $word }
        [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $brief)
    }
}
`;

const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH, powershell: POWERSHELL };
