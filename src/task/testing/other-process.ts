// For tests: a second process of the same server, which starts tasks when it is told to.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Directories } from '../../config/directories.ts';

const registryUrl = new URL('../task-registry.ts', import.meta.url).href;

/** What a task of the other process does: wait to be stopped, or log a line and end the process, or end well. */
export type OtherWork = 'wait' | 'log-and-exit' | 'end';

export class OtherProcess implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(directories: Directories): Promise<OtherProcess> {
    const source = `
      const { TaskRegistry } = await import(${JSON.stringify(registryUrl)});
      const registry = await TaskRegistry.open(${JSON.stringify(directories)}, { now: () => Date.now() }, 'other');
      const works = {
        wait: async (task) => {
          task.log('waiting');
          await new Promise((resolve) => task.signal.addEventListener('abort', resolve));
          task.checkAbort();
        },
        'log-and-exit': async (task) => {
          task.log('last words');
          setImmediate(() => process.exit(0));
          await new Promise(() => {});
        },
        end: async (task) => task.log('done'),
      };
      process.on('message', async (work) => {
        const task = await registry.start({ type: 'test', id: work, authId: 'other@pbs' }, works[work]);
        if (work === 'end') await task.done;
        process.send(task.upid);
      });
      process.send('ready');`;
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', source],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    const other = new OtherProcess(child);
    await other.#message();
    return other;
  }

  /** The UPID of the started task. */
  async startTask(work: OtherWork): Promise<string> {
    const answer = this.#message();
    this.#child.send(work);
    return answer;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended();
  }

  async ended(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    await new Promise((resolve) => this.#child.once('exit', resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #message(): Promise<string> {
    const child = this.#child;
    const answer = Promise.withResolvers<string>();
    const ended = (): void => answer.reject(new Error('the other process ended'));
    child.once('message', (message) => answer.resolve(String(message)));
    child.once('exit', ended);
    try {
      return await answer.promise;
    } finally {
      child.off('exit', ended);
    }
  }
}
