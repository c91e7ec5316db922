// A terminal of the machine for somebody at a browser: which program runs in it, and its talk with the connection
// (rest-api.md 7.6 termproxy).

import type { Socket } from 'node:net';
import { GranaryError } from '../base/errors.ts';
import { PseudoTerminal, type TerminalEnd } from '../os/pseudo-terminal.ts';
import type { Visitor } from './terminal-door.ts';
import { TerminalFrameReader } from './terminal-frames.ts';

export type TerminalKind = 'login' | 'upgrade';

/**
 * An upgrade that has begun is finished even when its terminal goes away: half of one would be worse. What it asks
 * is then answered by the end of its input.
 */
const upgradeScript = `trap '' HUP
apt-get update && apt-get dist-upgrade
[ -e /run/reboot-required ] && echo 'A restart of the machine is needed.'
trap - HUP
exec login -f root`;

/**
 * The command of a terminal: the system's own login; for the superuser, who has logged in already, without a question.
 * Throws `bad-request` where this process could not become another user.
 */
export function terminalCommand(kind: TerminalKind, o: { isRoot: boolean; hasSystemd: boolean }): readonly string[] {
  if (process.geteuid?.() !== 0) {
    throw new GranaryError('bad-request', 'a console needs a server that runs as root, as an installed one does');
  }
  const program = kind === 'upgrade' ? ['sh', '-c', upgradeScript] : ['login', ...(o.isRoot ? ['-f', 'root'] : [])];
  // Outside of the service: without its limits, and alive when an upgrade restarts the service.
  const outside = ['systemd-run', '--pty', '--quiet', '--collect', '--wait', '--service-type=exec', '--'];
  return o.hasSystemd ? [...outside, ...program] : program;
}

/** Time for a program to end after its terminal is gone. */
const lastMs = 5000;

/**
 * Runs a program and joins it with the connection until either ends; then the other does. Rejects with `protocol` for
 * what is no frame, `connection` when the program goes on without its terminal, and the signal's reason.
 */
export async function serveTerminal(
  { socket, rest }: Visitor,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<TerminalEnd> {
  const terminal = new PseudoTerminal(argv);
  const onAbort = (): void => terminal.hangUp();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const typing = takeFrames(socket, rest, terminal).finally(() => terminal.hangUp());
    await terminal.read((bytes) => (socket.write(bytes) ? undefined : drained(socket)));
    socket.end();
    // What it takes the other side to read the last lines and to go away is no matter of the program's.
    const failure = await Promise.race([typing, terminal.ended.then(() => undefined)]);
    const end = await within(terminal.ended, lastMs);
    if (signal.aborted) throw signal.reason;
    if (failure !== undefined) throw failure;
    if (end === undefined) throw new GranaryError('connection', 'the program goes on without its terminal');
    return end;
  } finally {
    signal.removeEventListener('abort', onAbort);
    terminal.hangUp();
    socket.destroy();
  }
}

/** Types what comes until the connection ends; resolves with what was wrong with it. */
async function takeFrames(socket: Socket, rest: Buffer, terminal: PseudoTerminal): Promise<GranaryError | undefined> {
  const reader = new TerminalFrameReader();
  if (rest.byteLength > 0) socket.unshift(rest);
  try {
    for await (const bytes of socket as AsyncIterable<Buffer>) {
      for (const frame of reader.take(bytes)) {
        if (frame.kind === 'typed') await terminal.write(frame.bytes);
        else if (frame.kind === 'size') terminal.resize(frame);
      }
    }
  } catch (error) {
    // A connection may be lost at any time.
    if (error instanceof GranaryError) return error;
  }
  return undefined;
}

function drained(socket: Socket): Promise<void> | undefined {
  if (socket.destroyed) return undefined;
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.once('drain', done);
    socket.once('close', done);
  });
}

function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), ms);
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}
