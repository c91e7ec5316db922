// How processes of one server reach each other's tasks: a local socket per process, `control-PID.sock`, one JSON
// command a line, one answer line `OK: ...` or `ERROR: ...` (config-and-tasks.md 6).

import * as fs from 'node:fs';
import { chmod, chown, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { shortSocketPath } from '../os/sockets.ts';
import type { Owner } from './task-lists.ts';

const maxLineLength = 64 * 1024;
const timeoutMs = 5000;

/** Answers a command's result as JSON; what it throws becomes the `ERROR:` text. */
export type ControlHandler = (command: string, args: Record<string, unknown>) => unknown;

export function controlSocketPath(runDirectory: string, pid: number): string {
  return join(runDirectory, `control-${pid}.sock`);
}

/** A listening control socket; does not keep the process alive. */
export class ControlServer {
  readonly path: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
  }

  /** Listens for this process. A socket left by an earlier process of the same pid is replaced. */
  static async listen(runDirectory: string, owner: Owner, handler: ControlHandler): Promise<ControlServer> {
    const path = controlSocketPath(runDirectory, process.pid);
    await rm(path, { force: true });
    const server = createServer();
    const control = new ControlServer(path, server);
    server.on('connection', (socket) => {
      control.#sockets.add(socket.unref());
      socket.on('close', () => control.#sockets.delete(socket));
      serve(socket, handler);
    });
    using address = shortSocketPath(path);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address.path, resolve);
    });
    server.on('error', () => {});
    server.unref();
    await chmod(path, 0o660);
    if (owner) await chown(path, owner.uid, owner.gid);
    process.on('exit', control.#removeAtExit);
    return control;
  }

  async close(): Promise<void> {
    process.off('exit', this.#removeAtExit);
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.path, { force: true });
  }

  readonly #removeAtExit = (): void => {
    fs.rmSync(this.path, { force: true });
  };
}

function serve(socket: Socket, handler: ControlHandler): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.setTimeout(timeoutMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (part: string) => {
    text += part;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      socket.write(`${answer(line, handler)}\n`);
    }
    if (text.length > maxLineLength) socket.destroy();
  });
}

function answer(line: string, handler: ControlHandler): string {
  try {
    const message: unknown = JSON.parse(line);
    if (!isRecord(message) || typeof message['command'] !== 'string') throw new Error('no command');
    const args = message['args'];
    return `OK: ${JSON.stringify(handler(message['command'], isRecord(args) ? args : {}) ?? null)}`;
  } catch (error) {
    return `ERROR: ${messageOf(error).replace(/[\r\n]+/g, ' ')}`;
  }
}

/**
 * Sends one command to the process `pid` and returns the result. Undefined when no process listens there;
 * throws `connection` when it does not answer in time, `bad-request` with the text of an `ERROR:` answer.
 */
export async function sendControl(
  runDirectory: string,
  pid: number,
  command: string,
  args: Record<string, unknown>,
): Promise<{ result: unknown } | undefined> {
  const path = controlSocketPath(runDirectory, pid);
  let line: string;
  try {
    using address = shortSocketPath(path);
    line = await exchange(address.path, `${JSON.stringify({ command, args })}\n`);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ECONNREFUSED')) return undefined;
    throw new GranaryError('connection', `control socket "${path}": ${messageOf(error)}`, { cause: error });
  }
  if (line.startsWith('ERROR: ')) throw new GranaryError('bad-request', line.slice(7));
  try {
    return { result: line.startsWith('OK: ') ? JSON.parse(line.slice(4)) : null };
  } catch {
    return { result: null };
  }
}

function exchange(path: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    let text = '';
    socket.setEncoding('utf8');
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer in time')));
    socket.on('connect', () => socket.write(line));
    socket.on('data', (part: string) => {
      text += part;
      const end = text.indexOf('\n');
      if (end >= 0) {
        resolve(text.slice(0, end));
        socket.destroy();
      } else if (text.length > maxLineLength) socket.destroy(new Error('answer too long'));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed without an answer')));
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
