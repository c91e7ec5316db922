// Usage lines and help texts, made from the declarations (cli.md 1).

import { type Command, type CommandGroup, isRequired, listCommands, optionSchema } from './command.ts';
import type { OptionSchema } from './options.ts';

/** `TOOL CMD <a> [<b>] [OPTIONS]` */
export function usageLine(prefix: string, path: readonly string[], command: Command): string {
  const words = [prefix, ...path];
  for (const name of command.positional) words.push(argumentWord(command, name));
  const others = Object.keys(command.options.properties).filter((name) => !command.positional.includes(name));
  for (const name of others) {
    if (isRequired(command, name)) words.push(`--${name} ${valueWord(optionSchema(command, name)!)}`);
  }
  if (others.some((name) => !isRequired(command, name))) words.push('[OPTIONS]');
  return words.join(' ');
}

function argumentWord(command: Command, name: string): string {
  const word = optionSchema(command, name)?.type === 'array' ? `{<${name}>}` : `<${name}>`;
  return isRequired(command, name) ? word : `[${word}]`;
}

function valueWord(schema: OptionSchema): string {
  if (schema.type === 'array') return valueWord(schema.items!);
  if (schema.valueName) return `<${schema.valueName}>`;
  if (schema.enum) return schema.enum.join('|');
  const range =
    schema.minimum === undefined && schema.maximum === undefined
      ? ''
      : ` (${schema.minimum ?? ''} - ${schema.maximum ?? 'N'})`;
  return `<${schema.type ?? 'string'}>${range}`;
}

/** Wraps words at `width` columns, each line after `indent` spaces. */
export function wrapText(text: string, indent: number, width = 79): string {
  const pad = ' '.repeat(indent);
  return text
    .split('\n')
    .map((paragraph) => {
      const lines: string[] = [];
      let line = '';
      for (const word of paragraph.split(' ')) {
        if (line !== '' && pad.length + line.length + 1 + word.length > width) {
          lines.push(pad + line);
          line = word;
        } else line = line === '' ? word : `${line} ${word}`;
      }
      return [...lines, pad + line].join('\n');
    })
    .join('\n');
}

function optionHelp(command: Command, name: string, head: string): string {
  const schema = optionSchema(command, name)!;
  const facts = schema.type === 'array' ? ` (can be given more than once)` : '';
  const preset = schema.default === undefined ? '' : `   (default=${String(schema.default)})`;
  return `${head} ${valueWord(schema)}${preset}\n${wrapText(schema.description + facts, 13)}\n`;
}

/** Usage line, arguments and optional parameters: what follows a parameter error. */
export function commandUsage(prefix: string, path: readonly string[], command: Command): string {
  const parts = [`Usage: ${usageLine(prefix, path, command)}\n`];
  for (const name of command.positional) parts.push(optionHelp(command, name, ` <${name}>`));
  const others = Object.keys(command.options.properties).filter((name) => !command.positional.includes(name));
  for (const name of others.filter((n) => isRequired(command, n))) parts.push(optionHelp(command, name, ` --${name}`));
  const free = others.filter((n) => !isRequired(command, n)).sort();
  if (free.length > 0) {
    parts.push('Optional parameters:\n');
    for (const name of free) parts.push(optionHelp(command, name, `     --${name}`));
  }
  return parts.join('\n');
}

/** The whole help of one command: usage, what it does, parameters, examples. */
export function commandHelp(prefix: string, path: readonly string[], command: Command): string {
  const usage = commandUsage(prefix, path, command);
  const split = usage.indexOf('\n') + 1;
  const about = wrapText(command.description ?? command.summary, 0);
  const examples =
    command.examples.length === 0
      ? ''
      : `\nExamples:\n\n${command.examples.map((line) => `     ${prefix} ${line}\n`).join('')}`;
  return `${usage.slice(0, split)}\n${about}\n${usage.slice(split)}${examples}`;
}

/** One usage line per command of a level, sub-commands included. */
export function groupUsage(prefix: string, path: readonly string[], group: CommandGroup): string {
  const lines: string[] = [];
  for (const entry of listCommands(group, path)) lines.push(usageLine(prefix, entry.path, entry.command));
  return `Usage:\n\n${lines.join('\n')}\n`;
}

/** The help of a level: what each command is for; `verbose` prints the whole help of each. */
export function groupHelp(prefix: string, path: readonly string[], group: CommandGroup, verbose: boolean): string {
  if (verbose) {
    return [...listCommands(group, path)].map((e) => commandHelp(prefix, e.path, e.command)).join('\n');
  }
  const rows = [...listCommands(group, path)].map((e) => [e.path.join(' '), e.command.summary] as const);
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, summary]) => `  ${name.padEnd(width)}  ${summary}`);
  const title = [prefix, ...path].join(' ');
  return (
    `${title} - ${group.summary}\n\nCommands:\n\n${lines.join('\n')}\n\n` +
    `'${prefix} help COMMAND' explains a command; unique prefixes of command names are enough.\n`
  );
}
