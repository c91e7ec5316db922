// The scripts that connect a shell's completion with the hidden `bashcomplete` command.

export const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** The script to be sourced by the shell for `name` (`granary client` is completed through `granary`). */
export function completionScript(name: string, shell: Shell): string {
  const tool = name.split(' ')[0]!;
  const id = tool.replace(/[^a-z]/g, '_');
  if (shell === 'bash') return `complete -o nosort -C '${tool} bashcomplete' ${tool}\n`;
  if (shell === 'zsh') {
    return [
      `#compdef ${tool}`,
      `_${id}() {`,
      '  local -a candidates',
      `  candidates=("\${(@f)$(COMP_LINE="$BUFFER" COMP_POINT="$CURSOR" GRANARY_WHOLE_WORDS=1 ${tool} bashcomplete)}")`,
      '  compadd -Q -- $candidates || _files',
      '}',
      `compdef _${id} ${tool}`,
      '',
    ].join('\n');
  }
  return [
    `function __${id}_complete`,
    '  set -l line (commandline -cp)',
    `  env COMP_LINE="$line" COMP_POINT=(string length -- "$line") GRANARY_WHOLE_WORDS=1 ${tool} bashcomplete`,
    'end',
    `complete -c ${tool} -a '(__${id}_complete)'`,
    '',
  ].join('\n');
}
