// The machine as the other files of this room see it: its files below a root, its kernel's files, and its programs.
// Tests give a folder, and a script in the place of programs.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, withContext } from '../base/errors.ts';
import { type RunProgram, runProgram } from '../os/run-program.ts';
import { type TerminalKind, terminalCommand } from './terminal.ts';

export interface MachineOptions {
  /** What `/` is for files of the system. */
  root?: string;
  /** What `/` is for `/proc` and `/sys`. */
  kernelRoot?: string;
  run?: RunProgram;
  /** Another command than the system's login for terminals. */
  terminal?: (kind: TerminalKind, isRoot: boolean) => readonly string[];
}

export class Machine {
  readonly run: RunProgram;
  readonly #root: string;
  readonly #kernelRoot: string;
  readonly #terminal: MachineOptions['terminal'];

  constructor(options: MachineOptions = {}) {
    this.#root = options.root ?? '/';
    this.#kernelRoot = options.kernelRoot ?? '/';
    this.run = options.run ?? runProgram;
    this.#terminal = options.terminal;
  }

  /** Where a file of the machine is found: `/etc/hosts`, `/proc/stat`. */
  path(file: string): string {
    return join(/^\/(proc|sys)\//.test(file) ? this.#kernelRoot : this.#root, file);
  }

  exists(file: string): boolean {
    return existsSync(this.path(file));
  }

  /** A file's text; undefined when there is none. Other failures are thrown with the name. */
  async read(file: string): Promise<string | undefined> {
    try {
      return await readFile(this.path(file), 'utf8');
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw withContext(`unable to read "${file}"`, error);
    }
  }

  /** The command of a terminal for the superuser or somebody else. Throws `bad-request` where there can be none. */
  terminalCommand(kind: TerminalKind, isRoot: boolean): readonly string[] {
    return this.#terminal?.(kind, isRoot) ?? terminalCommand(kind, { isRoot, hasSystemd: this.hasSystemd });
  }

  /** Whether systemd is the first process here, so that systemctl and its relatives can work. */
  get hasSystemd(): boolean {
    return this.exists('/run/systemd/system');
  }
}
