// What a command sees of the process: environment, output, questions, and a live status line (cli.md 1, 2).

import { openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { type Clock, systemClock } from '../../base/clock.ts';
import { GranaryError } from '../../base/errors.ts';

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** Columns of standard output if it is a terminal. */
  readonly columns: number | undefined;
  /** Whether messages go to a terminal, so that a live status line can be shown. */
  readonly live: boolean;
  /** Whether somebody can answer questions. */
  readonly canAsk: boolean;
  readonly utf8: boolean;
  readonly input: Readable;
  /** Text to standard output, as it is. */
  print(text: string): void;
  /** Bytes to standard output; settles when they are taken. */
  writeBytes(bytes: Uint8Array): Promise<void>;
  /** One line to standard error; the live line moves below it. */
  message(line: string): void;
  /** Shows a live line below the messages, or removes it; ignored when `live` is false. */
  setStatus(line: string | undefined): void;
  /** Asks for a line, echoed; throws `usage` when nobody can answer. */
  ask(question: string): Promise<string>;
  /** Asks for a secret, not echoed. */
  askSecret(question: string): Promise<string>;
}

/** The same terminal with another environment. */
export function withEnvironment(terminal: Terminal, env: Terminal['env']): Terminal {
  const { clock, signal, columns, live, canAsk, utf8, input } = terminal;
  return {
    ...{ env, clock, signal, columns, live, canAsk, utf8, input },
    print: (text) => terminal.print(text),
    writeBytes: (bytes) => terminal.writeBytes(bytes),
    message: (line) => terminal.message(line),
    setStatus: (line) => terminal.setStatus(line),
    ask: (question) => terminal.ask(question),
    askSecret: (question) => terminal.askSecret(question),
  };
}

/** Whether the locale's character set is UTF-8. */
export function isUtf8Locale(env: Readonly<Record<string, string | undefined>>): boolean {
  return /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '');
}

/** Columns of a terminal; one that does not know its size says 0. */
function knownColumns(stream: NodeJS.WriteStream): number | undefined {
  return stream.isTTY && stream.columns > 0 ? stream.columns : undefined;
}

/** The terminal of this process. Ends the process with status 141 when the reader of standard output is gone. */
export class ProcessTerminal implements Terminal {
  readonly env = process.env;
  readonly clock = systemClock;
  readonly signal: AbortSignal;
  readonly columns = knownColumns(process.stdout);
  readonly live = process.stderr.isTTY === true;
  readonly canAsk = process.stdin.isTTY === true;
  readonly utf8 = isUtf8Locale(process.env);
  readonly input = process.stdin;
  #status: string | undefined;
  #interrupted = false;
  /** What was typed behind the answer to the last question. */
  #typedAhead = '';

  constructor() {
    const controller = new AbortController();
    this.signal = controller.signal;
    const stop = (): void => {
      if (this.#interrupted) {
        this.setStatus(undefined);
        process.exit(130);
      }
      this.#interrupted = true;
      controller.abort(new GranaryError('aborted', 'interrupted'));
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(141);
    });
    process.stderr.on('error', () => {});
  }

  print(text: string): void {
    this.#withoutStatus(() => process.stdout.write(text));
  }

  writeBytes(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => {
        if (error) reject(new GranaryError('io', `cannot write to standard output: ${error.message}`));
        else resolve();
      });
    });
  }

  message(line: string): void {
    this.#withoutStatus(() => process.stderr.write(`${line}\n`));
  }

  setStatus(line: string | undefined): void {
    if (!this.live || line === this.#status) return;
    const width = Math.max(20, (knownColumns(process.stderr) ?? 80) - 1);
    const shown = line === undefined ? '' : [...line].slice(0, width).join('');
    process.stderr.write(`\r\x1b[K${shown}`);
    this.#status = line;
  }

  #withoutStatus(write: () => void): void {
    const status = this.#status;
    if (status !== undefined) this.setStatus(undefined);
    write();
    if (status !== undefined) this.setStatus(status);
  }

  ask(question: string): Promise<string> {
    return this.#question(question, false);
  }

  askSecret(question: string): Promise<string> {
    return this.#question(question, true);
  }

  async #question(question: string, secret: boolean): Promise<string> {
    this.#mustAsk(question);
    const fd = openSync('/dev/tty', 'r+');
    const tty = new ReadStream(fd);
    // Before the question, so that no quick answer is echoed.
    if (secret) tty.setRawMode(true);
    process.stderr.write(question);
    try {
      const { text, rest } = await readAnswer(tty, { secret, typed: this.#typedAhead, signal: this.signal });
      this.#typedAhead = rest;
      return text;
    } finally {
      tty.destroy();
      if (secret) process.stderr.write('\n');
    }
  }

  #mustAsk(question: string): void {
    this.setStatus(undefined);
    if (!this.canAsk) {
      throw new GranaryError('usage', `cannot ask '${question.trim()}': standard input is not a terminal`);
    }
  }
}

/**
 * Reads one line, beginning with what was typed ahead; `rest` is what was typed behind it. A secret's terminal is
 * raw, it neither echoes nor edits: backspace and Ctrl-U are done here, and Ctrl-C gives up.
 */
async function readAnswer(
  tty: ReadStream,
  o: { secret: boolean; typed: string; signal: AbortSignal },
): Promise<{ text: string; rest: string }> {
  let text = '';
  tty.setEncoding('utf8');
  try {
    for (let data = o.typed; ; data = await nextData(tty, o.signal)) {
      const chars = [...data];
      for (const [i, char] of chars.entries()) {
        if (char === '\r' || char === '\n' || char === '\x04') return { text, rest: chars.slice(i + 1).join('') };
        if (char === '\x03') throw new GranaryError('aborted', 'interrupted');
        if (char === '\x7f' || char === '\b') text = [...text].slice(0, -1).join('');
        else if (char === '\x15') text = '';
        else text += char;
      }
    }
  } finally {
    if (o.secret) tty.setRawMode(false);
  }
}

function nextData(tty: ReadStream, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      tty.pause();
      tty.removeAllListeners('data').removeAllListeners('end').removeAllListeners('error');
      signal.removeEventListener('abort', aborted);
      act();
    };
    const aborted = (): void => settle(() => reject(new GranaryError('aborted', 'interrupted')));
    signal.addEventListener('abort', aborted, { once: true });
    tty.once('error', (error) => settle(() => reject(error)));
    tty.once('end', () => settle(() => reject(new GranaryError('usage', 'the terminal was closed'))));
    tty.once('data', (data: string | Buffer) => settle(() => resolve(String(data))));
    tty.resume();
    if (signal.aborted) aborted();
  });
}
