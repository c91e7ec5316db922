// A machine for tests: files in a folder, programs by a script. What is not scripted is not installed.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { scratchFolder } from '../../../test/support/scratch.ts';
import { checkExit, missingProgram, type ProgramResult } from '../../os/run-program.ts';
import { Machine } from '../machine.ts';

/** What a program answers: its standard output, or the whole result. */
export type FakeProgram = (args: readonly string[], input?: string) => string | ProgramResult;

export class FakeMachine extends Machine implements Disposable {
  readonly folder: string;
  /** Programs by name; may be changed between calls. */
  readonly programs: Record<string, FakeProgram>;
  /** Every command line that was run. */
  readonly calls: string[];

  /** What runs in terminals; nothing can, by default. */
  terminal: (kind: 'login' | 'upgrade', isRoot: boolean) => readonly string[] = () => {
    throw missingProgram('login');
  };

  constructor(files: Record<string, string> = {}, programs: Record<string, FakeProgram> = {}, kernelRoot?: string) {
    const folder = scratchFolder('granary-machine-');
    const calls: string[] = [];
    super({
      root: folder,
      kernelRoot: kernelRoot ?? folder,
      terminal: (kind, isRoot) => this.terminal(kind, isRoot),
      run: async ([program, ...args], options = {}) => {
        calls.push([program, ...args].join(' '));
        const fake = programs[program];
        if (fake === undefined) throw missingProgram(program);
        const answer = fake(args, options.input);
        const result = typeof answer === 'string' ? { code: 0, stdout: answer, stderr: '' } : answer;
        for (const text of [result.stdout, result.stderr]) {
          for (const line of text.split('\n').filter((one) => one !== '')) options.onLine?.(line);
        }
        checkExit(program, result, options.accept ?? [0]);
        return result;
      },
    });
    this.folder = folder;
    this.programs = programs;
    this.calls = calls;
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string): void {
    const file = join(this.folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
