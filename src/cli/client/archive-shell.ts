// The commands of `catalog shell`: walking through an archive, choosing files, restoring them (cli.md 4).
// Knows nothing of terminals: lines come in, texts go out.

import { GranaryError } from '../../base/errors.ts';
import { quotePath } from '../../base/quote.ts';
import { ArchiveEvents } from '../../client/archive-events.ts';
import { type ExtractSummary, extractEvents } from '../../client/extract.ts';
import type { DirectoryNode, PxarAccessor, PxarNode } from '../../pxar/accessor.ts';
import { type Pattern, parsePattern } from '../../pxar/patterns.ts';
import { formatEntryTime, formatMode } from '../entry-text.ts';
import { splitLine } from '../words.ts';

interface ShellCommand {
  usage: string;
  summary: string;
  run(args: string[]): Promise<void>;
}

export interface ShellOutput {
  print(text: string): void;
  /** Tells what was not restored; may throw. */
  restored(summary: ExtractSummary): void;
  signal: AbortSignal;
}

export class ArchiveShell {
  readonly #accessor: PxarAccessor;
  readonly #output: ShellOutput;
  /** From the root to the current directory, root included. */
  #place: DirectoryNode[];
  /** What is selected: shown text and pattern. */
  readonly #selected = new Map<string, Pattern>();
  #ended = false;

  constructor(accessor: PxarAccessor, output: ShellOutput) {
    this.#accessor = accessor;
    this.#output = output;
    this.#place = [accessor.root];
  }

  get ended(): boolean {
    return this.#ended;
  }

  get prompt(): string {
    return `pxar:${this.#path()} > `;
  }

  /** Runs one line. Errors are thrown; the shell goes on. */
  async execute(line: string): Promise<void> {
    const [name, ...args] = splitLine(line.trim()).filter((word) => word !== '');
    if (name === undefined) return;
    const command = this.#commands[name];
    if (!command) throw new GranaryError('usage', `no such command '${name}'; 'help' lists all commands`);
    await command.run(args);
  }

  /** Candidates for the last word of a line, and that word. */
  async complete(line: string): Promise<[string[], string]> {
    const words = splitLine(line);
    const word = words.at(-1)!;
    if (words.length <= 1) return [Object.keys(this.#commands).filter((name) => name.startsWith(word)), word];
    const cut = word.lastIndexOf('/') + 1;
    const found = await this.#resolve(word.slice(0, cut) || '.').catch(() => undefined);
    const directory = found?.at(-1);
    if (directory?.kind !== 'directory') return [[], word];
    const names: string[] = [];
    for await (const node of this.#accessor.list(directory)) {
      const text = Buffer.from(node.name).toString();
      if (text.startsWith(word.slice(cut)))
        names.push(`${word.slice(0, cut)}${text}${node.kind === 'directory' ? '/' : ''}`);
    }
    return [names, word];
  }

  readonly #commands: Record<string, ShellCommand> = {
    ls: {
      usage: 'ls [PATH]',
      summary: 'List a directory.',
      run: async ([path = '.']) => {
        const node = (await this.#resolve(path)).at(-1)!;
        if (node.kind !== 'directory') return this.#print(shownName(node));
        for await (const child of this.#accessor.list(node)) this.#print(shownName(child));
      },
    },
    cd: {
      usage: 'cd [PATH]',
      summary: 'Change the current directory; to the root without a path.',
      run: async ([path = '/']) => {
        const nodes = await this.#resolve(path);
        if (nodes.at(-1)!.kind !== 'directory') throw new GranaryError('usage', `'${path}' is no directory`);
        this.#place = nodes as DirectoryNode[];
      },
    },
    pwd: {
      usage: 'pwd',
      summary: 'Print the current directory.',
      run: async () => this.#print(this.#path()),
    },
    stat: {
      usage: 'stat PATH',
      summary: 'Show what is known of an entry.',
      run: async ([path]) => this.#stat(need(path, 'stat PATH')),
    },
    select: {
      usage: 'select PATH|PATTERN',
      summary: 'Choose files to restore; a directory with all below.',
      run: async ([path]) => this.#select(need(path, 'select PATH|PATTERN')),
    },
    deselect: {
      usage: 'deselect PATH|PATTERN',
      summary: 'Take back a choice.',
      run: async ([path]) => {
        const text = this.#absolute(need(path, 'deselect PATH|PATTERN'));
        if (!this.#selected.delete(text)) throw new GranaryError('not-found', `'${text}' is not selected`);
      },
    },
    'clear-selected': {
      usage: 'clear-selected',
      summary: 'Take back all choices.',
      run: async () => this.#selected.clear(),
    },
    'list-selected': {
      usage: 'list-selected',
      summary: 'List the choices.',
      run: async () => {
        for (const text of this.#selected.keys()) this.#print(text);
      },
    },
    find: {
      usage: 'find PATTERN [--select]',
      summary: 'List what matches a pattern below the current directory.',
      run: async (args) => {
        const pattern = args.find((word) => word !== '--select');
        await this.#find(need(pattern, 'find PATTERN [--select]'), args.includes('--select'));
      },
    },
    'restore-selected': {
      usage: 'restore-selected TARGET',
      summary: 'Restore the choices below a directory of this machine.',
      run: async ([target]) => {
        if (this.#selected.size === 0) throw new GranaryError('usage', 'nothing is selected');
        await this.#restore(need(target, 'restore-selected TARGET'), [...this.#selected.values()]);
      },
    },
    restore: {
      usage: 'restore TARGET [--pattern PATTERN]',
      summary: 'Restore the current directory, or what matches a pattern in it.',
      run: async (args) => {
        const at = args.indexOf('--pattern');
        const pattern = at < 0 ? undefined : args[at + 1];
        const [target] = args.filter((_, i) => at < 0 || (i !== at && i !== at + 1));
        const patterns = pattern === undefined ? [] : [parsePattern(pattern, { type: 'include' }).pattern];
        await this.#restore(need(target, 'restore TARGET'), patterns, this.#place.at(-1));
      },
    },
    help: {
      usage: 'help',
      summary: 'List all commands.',
      run: async () => {
        const width = Math.max(...Object.values(this.#commands).map(({ usage }) => usage.length));
        for (const { usage, summary } of Object.values(this.#commands))
          this.#print(`${usage.padEnd(width)}  ${summary}`);
      },
    },
    exit: {
      usage: 'exit',
      summary: 'Leave the shell.',
      run: async () => {
        this.#ended = true;
      },
    },
  };

  #print(line: string): void {
    this.#output.print(`${line}\n`);
  }

  #path(): string {
    return `/${this.#place
      .slice(1)
      .map((node) => Buffer.from(node.name).toString())
      .join('/')}`;
  }

  /** A path or pattern as seen from the root. */
  #absolute(text: string): string {
    const parts = (text.startsWith('/') ? text : `${this.#path()}/${text}`).split('/');
    const out: string[] = [];
    for (const part of parts) {
      if (part === '..') out.pop();
      else if (part !== '' && part !== '.') out.push(part);
    }
    return `/${out.join('/')}`;
  }

  /** The nodes from the root to a path. Throws `not-found`. */
  async #resolve(text: string): Promise<PxarNode[]> {
    const nodes: PxarNode[] = [this.#accessor.root];
    for (const part of this.#absolute(text)
      .split('/')
      .filter((p) => p !== '')) {
      const last = nodes.at(-1)!;
      const next = last.kind === 'directory' ? await this.#accessor.child(last, Buffer.from(part)) : undefined;
      if (!next) throw new GranaryError('not-found', `no such file or directory: '${text}'`);
      nodes.push(next);
    }
    return nodes;
  }

  async #stat(path: string): Promise<void> {
    const node = (await this.#resolve(path)).at(-1)!;
    const shown = await this.#accessor.follow(node);
    const { mode, uid, gid, mtime } = shown.meta;
    const size = shown.kind === 'file' ? shown.size : shown.kind === 'symlink' ? shown.target.byteLength : 0;
    const link = shown.kind === 'symlink' ? ` -> ${quotePath(shown.target)}` : '';
    this.#print(`  File: ${quotePath(Buffer.from(this.#absolute(path)))}${link}`);
    this.#print(`  Size: ${size}   Type: ${node.kind}`);
    this.#print(`Access: (${(mode & 0o7777).toString(8).padStart(4, '0')}/${formatMode(shown.kind, mode)})`);
    this.#print(` Owner: ${uid}/${gid}`);
    this.#print(`Modify: ${formatEntryTime(mtime.seconds)}`);
  }

  async #select(text: string): Promise<void> {
    const absolute = this.#absolute(text);
    const isPattern = /[*?[]/.test(text);
    if (!isPattern) await this.#resolve(text);
    if (absolute === '/') throw new GranaryError('usage', "use 'restore TARGET' for the whole archive");
    const pattern = isPattern ? absolute : absolute.replace(/[\\*?[]/g, '\\$&');
    this.#selected.set(absolute, parsePattern(pattern, { type: 'include' }).pattern);
  }

  async #find(text: string, select: boolean): Promise<void> {
    const { pattern } = parsePattern(text.startsWith('/') ? this.#absolute(text) : text, { type: 'include' });
    const base = this.#path() === '/' ? '' : this.#path();
    const walk = async (directory: DirectoryNode, path: string): Promise<void> => {
      for await (const node of this.#accessor.list(directory)) {
        const shown = `${path}/${Buffer.from(node.name).toString()}`;
        if (pattern.matches(Buffer.concat([Buffer.from(`${path}/`), node.name]), node.kind === 'directory')) {
          this.#print(shown);
          if (select) await this.#select(shown);
        }
        if (node.kind === 'directory') await walk(node, shown);
      }
    };
    await walk(this.#place.at(-1)!, base);
  }

  async #restore(target: string, patterns: readonly Pattern[], root?: DirectoryNode): Promise<void> {
    const { signal } = this.#output;
    const events = new ArchiveEvents(this.#accessor, patterns, signal, root);
    const summary = await extractEvents(events, target, {
      patterns,
      signal,
      allowExistingDirs: true,
      onWarning: (path, text) => this.#print(`warning: ${quotePath(path)}: ${text}`),
    });
    this.#print(`restored ${summary.files} files and ${summary.directories} directories to '${target}'`);
    this.#output.restored(summary);
  }
}

function need(value: string | undefined, usage: string): string {
  if (value === undefined) throw new GranaryError('usage', `usage: ${usage}`);
  return value;
}

function shownName(node: PxarNode): string {
  const quoted = quotePath(node.name).slice(1, -1);
  return node.kind === 'directory' ? `${quoted}/` : quoted;
}
