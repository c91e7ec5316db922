// Where a terminal waits for the connection of the browser that asked for it: a local socket for each, with a number in
// its name that the browser is told as the port (rest-api.md 7.6). Any process of the server can lead a browser there.

import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { GranaryError } from '../base/errors.ts';
import { type FileLock, tryLock } from '../os/file-lock.ts';
import { ownerIn } from '../os/inherit-owner.ts';
import { type LocalSocket, listenLocal } from '../os/sockets.ts';

/** The numbers of terminals. */
export const consolePorts = { first: 5900, last: 5999 };
/** Longest first line. */
const maxLogin = 2048;

/** Where the terminal of that number listens. */
export function consoleSocketPath(runDirectory: string, port: number): string {
  return join(runDirectory, `console-${port}.sock`);
}

/** A connection that has shown that it is the one; `rest` came right behind its login. */
export interface Visitor {
  socket: Socket;
  rest: Buffer;
}

/** Lets one connection in, and only once. The number stays taken until it is disposed of. */
export class TerminalDoor implements Disposable {
  readonly port: number;
  readonly #lock: FileLock;
  readonly #socket: LocalSocket;
  #server: Server | undefined;

  private constructor(port: number, lock: FileLock, socket: LocalSocket) {
    this.port = port;
    this.#lock = lock;
    this.#socket = socket;
  }

  /** Takes the first free number. Throws `bad-request` when all are in use. */
  static open(runDirectory: string): TerminalDoor {
    const owner = ownerIn(runDirectory);
    for (let port = consolePorts.first; port <= consolePorts.last; port++) {
      const file = consoleSocketPath(runDirectory, port);
      const lock = tryLock(`${file}.lck`, 'exclusive');
      if (lock === undefined) continue;
      try {
        // The unprivileged processes of a server have to get here.
        const access = owner === undefined ? { mode: 0o600 } : { mode: 0o660, group: owner.gid };
        return new TerminalDoor(port, lock, listenLocal(file, { ...access, backlog: 4 }));
      } catch (error) {
        lock.remove();
        throw error;
      }
    }
    throw new GranaryError('bad-request', 'too many consoles are open');
  }

  /**
   * Waits for the connection whose first line is `login`, tells it `OK`, and closes the door behind it. Throws
   * `connection` when none has come within `patienceMs`, `auth-failed` at the first that says something else, and the
   * signal's reason.
   */
  async letIn(login: string, o: { patienceMs: number; signal: AbortSignal }): Promise<Visitor> {
    const waiting = new Set<Socket>();
    const result = Promise.withResolvers<Visitor>();
    const server = createServer((socket) => {
      waiting.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => waiting.delete(socket));
      readLine(socket, (line, rest) => {
        if (!isSame(line, login)) return result.reject(new GranaryError('auth-failed', 'authentication failed'));
        waiting.delete(socket);
        socket.write('OK');
        result.resolve({ socket, rest });
      });
    });
    server.on('error', result.reject);
    this.#server = server;
    server.listen({ fd: this.#socket.fd });
    const late = new GranaryError('connection', `nobody connected within ${o.patienceMs / 1000} seconds`);
    const timer = setTimeout(() => result.reject(late), o.patienceMs);
    const onAbort = (): void => result.reject(o.signal.reason);
    o.signal.addEventListener('abort', onAbort, { once: true });
    if (o.signal.aborted) onAbort();
    try {
      return await result.promise;
    } finally {
      clearTimeout(timer);
      o.signal.removeEventListener('abort', onAbort);
      this.#socket.unlink();
      server.close();
      for (const socket of waiting) socket.destroy();
    }
  }

  [Symbol.dispose](): void {
    this.#socket.unlink();
    // Without a server nothing else closes the descriptor.
    if (this.#server === undefined) createServer().listen({ fd: this.#socket.fd }).close();
    this.#lock.remove();
  }
}

/** Calls back with the first line, without its end, and what came behind it; a line that is too long ends the connection. */
function readLine(socket: Socket, take: (line: Buffer, rest: Buffer) => void): void {
  let bytes = Buffer.alloc(0);
  const onData = (part: Buffer): void => {
    bytes = Buffer.concat([bytes, part]);
    const end = bytes.indexOf(0x0a);
    if (end < 0 && bytes.byteLength <= maxLogin) return;
    socket.off('data', onData);
    socket.pause();
    take(bytes.subarray(0, Math.max(0, end)), bytes.subarray(end + 1));
  };
  socket.on('data', onData);
}

function isSame(line: Buffer, login: string): boolean {
  const expected = Buffer.from(login);
  return line.byteLength === expected.byteLength && timingSafeEqual(line, expected);
}
