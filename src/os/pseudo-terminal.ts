// Programs that talk to a terminal: a pseudo terminal of the kernel (pty(7)) whose other end is ours. The request numbers
// are the same on x86-64 and arm64.

import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ReadStream } from 'node:tty';
import { isErrno } from '../base/errors.ts';
import { lastError, native } from './libc.ts';
import { missingProgram } from './run-program.ts';

const ioctl = native('int ioctl(int fd, unsigned long request, void *value)');
const TIOCSPTLCK = 0x40045431;
const TIOCGPTN = 0x80045430;
const TIOCSWINSZ = 0x5414;
const flags = fs.constants.O_RDWR | fs.constants.O_NOCTTY;

export interface TerminalSize {
  columns: number;
  rows: number;
}

/** How a program in a terminal has ended. */
export interface TerminalEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** What kernels and programs take without trouble. */
const maxSide = 4096;
/** The kernel does not tell when a program that was busy reads again. */
const longestPauseMs = 20;
/** So long after its program nothing comes from a terminal any more. */
const quietMs = 200;
/** Nothing of the server's own environment is any business of who works there. */
const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  TERM: 'xterm-256color',
  LANG: 'C.UTF-8',
};

export class PseudoTerminal {
  /** How the program ended, once it has; rejects when it could not be started. */
  readonly ended: Promise<TerminalEnd>;
  readonly #fd: number;
  readonly #stream: ReadStream;
  #isOpen = true;
  #lastRead = performance.now();

  /**
   * Starts `argv` as the leader of a session whose terminal this is. Throws a system error when the system gives no
   * terminal.
   */
  constructor(argv: readonly string[], size: TerminalSize = { columns: 80, rows: 24 }) {
    this.#fd = fs.openSync('/dev/ptmx', flags | fs.constants.O_NONBLOCK);
    let inner: number | undefined;
    try {
      // Kept open as long as the program runs: `login` closes it for a moment, which must not look like the end.
      inner = openOtherEnd(this.#fd);
      setSize(this.#fd, size);
      const child = spawn('setsid', ['--ctty', ...argv], { stdio: [inner, inner, inner], env: environment, cwd: '/' });
      this.ended = ending(child, inner);
    } catch (error) {
      if (inner !== undefined) fs.closeSync(inner);
      fs.closeSync(this.#fd);
      throw error;
    }
    void this.ended.catch(() => {}).then(() => this.#readRest());
    this.#stream = new ReadStream(this.#fd);
    // That nobody has the other end open any more is told as an input/output error.
    this.#stream.on('error', () => {});
    this.#stream.once('close', () => {
      this.#isOpen = false;
    });
  }

  /** Hands over what the program writes, until nobody writes any more; called once. Whoever returns a promise is waited for. */
  async read(take: (bytes: Buffer) => Promise<void> | undefined): Promise<void> {
    const stream = this.#stream;
    if (stream.destroyed) return;
    await new Promise<void>((resolve) => {
      stream.once('close', resolve);
      stream.on('data', (bytes: Buffer) => {
        this.#lastRead = performance.now();
        const taken = take(bytes);
        if (taken === undefined) return;
        stream.pause();
        void taken.finally(() => stream.resume());
      });
    });
  }

  /**
   * Types; resolves when the kernel has taken it, for which the program may have to read first. What is typed to a program
   * that has ended is lost.
   */
  async write(bytes: Uint8Array): Promise<void> {
    // Not through the stream: it would wait within the call, and a program that waits for its reader with it.
    let pause = 0;
    for (let at = 0; at < bytes.byteLength && this.#isOpen; ) {
      const written = writeSome(this.#fd, bytes.subarray(at));
      at += written;
      if (written > 0) pause = 0;
      else {
        await delay(pause);
        pause = Math.min(pause + 1, longestPauseMs);
      }
    }
  }

  /** The end is told by itself, unless a program that went to the background has kept the terminal open. */
  #readRest(): void {
    const quiet = performance.now() - this.#lastRead > quietMs && !this.#stream.isPaused();
    if (quiet) this.hangUp();
    else if (this.#isOpen) setTimeout(() => this.#readRest(), quietMs);
  }

  /** Tells the program of another size. */
  resize(size: TerminalSize): void {
    if (this.#isOpen) setSize(this.#fd, size);
  }

  /** Takes the terminal away: the kernel tells the program, which ends unless it prefers to go on without. */
  hangUp(): void {
    this.#isOpen = false;
    this.#stream.destroy();
  }
}

/** Bytes that the terminal has taken at once; all of them when nobody reads any more. */
function writeSome(fd: number, bytes: Uint8Array): number {
  try {
    return fs.writeSync(fd, bytes);
  } catch (error) {
    if (isErrno(error, 'EAGAIN')) return 0;
    if (isErrno(error, 'EIO')) return bytes.byteLength;
    throw error;
  }
}

function ending(child: ChildProcess, inner: number): Promise<TerminalEnd> {
  return new Promise<TerminalEnd>((resolve, reject) => {
    child.once('error', () => reject(missingProgram('setsid')));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  }).finally(() => fs.closeSync(inner));
}

function openOtherEnd(fd: number): number {
  const value = Buffer.alloc(4);
  if (ioctl()(fd, TIOCSPTLCK, value) !== 0) throw lastError('ioctl', '/dev/ptmx');
  if (ioctl()(fd, TIOCGPTN, value) !== 0) throw lastError('ioctl', '/dev/ptmx');
  return fs.openSync(`/dev/pts/${value.readUInt32LE(0)}`, flags);
}

function setSize(fd: number, { columns, rows }: TerminalSize): void {
  // struct winsize: rows, columns, and the same in pixels, which nobody asks for.
  const value = Buffer.alloc(8);
  value.writeUInt16LE(side(rows), 0);
  value.writeUInt16LE(side(columns), 2);
  if (ioctl()(fd, TIOCSWINSZ, value) !== 0) throw lastError('ioctl', '/dev/ptmx');
}

const side = (value: number): number => Math.max(1, Math.min(value, maxSide));
