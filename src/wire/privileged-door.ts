// The unprivileged process's side of the local socket: hands calls on to the process that may write configuration and
// read secrets, and passes the answer back byte by byte (rest-api.md 1, docs/decisions/0003).

import type { Agent, IncomingMessage, ServerResponse } from 'node:http';
import { createConnection, Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { collect } from '../base/streams.ts';
import type { AuthId } from '../model/auth-id.ts';
import { http } from '../os/node-http.ts';
import { descriptorOf, peerCredentials, shortSocketPath } from '../os/sockets.ts';
import { forwardedCallerHeader, forwardedPeerHeader, forwardedStartHeader, type Origin } from './origin.ts';

/**
 * Path of the call that checks a token's secret, and without `tokenid` finds the token that has it; it is no part of the
 * API.
 */
export const tokenCheckPath = '/token-check';
/** Headers that are about one connection only. */
const hopHeaders = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'expect']);
const maxTokenAnswer = 256;

/** What became of a call that was handed on. */
export interface Forwarded {
  /** Who made it, if that was found out. */
  authId?: AuthId;
  /** Length of the answer's body; 0 when it was streamed. */
  bytes: number;
}

/**
 * Connects to a local socket and makes sure that root or this process's own user listens there, so that nobody else
 * is told a secret. Rejects with `connection`.
 */
export function connectOwned(socketPath: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const lost = (error: unknown): void =>
      reject(
        new GranaryError('connection', `cannot reach the server at '${socketPath}': ${messageOf(error)}`, {
          cause: error,
        }),
      );
    let address: ReturnType<typeof shortSocketPath>;
    try {
      address = shortSocketPath(socketPath);
    } catch (error) {
      return lost(error);
    }
    const socket = createConnection(address.path);
    socket.once('error', lost);
    socket.once('close', () => address[Symbol.dispose]());
    socket.once('connect', () => {
      socket.off('error', lost);
      const fd = descriptorOf(socket);
      const uid = fd === undefined ? undefined : peerCredentials(fd).uid;
      if (uid === 0 || uid === process.geteuid?.()) return resolve(socket);
      socket.destroy();
      lost(new Error(`user ${uid} listens there, which is neither root nor the one of this process`));
    });
  });
}

/** An agent whose connections go to one local socket, where somebody may begin to listen within `patienceMs`. */
export function localAgent(socketPath: string, patienceMs = 0): Agent {
  const agent = new http.Agent({ keepAlive: false });
  agent.createConnection = (_options, callback) => {
    connectPatiently(socketPath, patienceMs).then(
      (socket) => callback?.(null, socket),
      // Beside an error the socket is not looked at.
      (error: Error) => callback?.(error, new Socket().destroy()),
    );
    return undefined;
  };
  return agent;
}

const retryMs = 100;

/** Nothing has been sent yet, so that trying again does nothing twice. */
async function connectPatiently(socketPath: string, patienceMs: number): Promise<Socket> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await connectOwned(socketPath);
    } catch (error) {
      const cause = error instanceof GranaryError ? error.cause : undefined;
      if (!isErrno(cause, 'ENOENT', 'ECONNREFUSED') || performance.now() >= deadline) throw error;
      await delay(retryMs);
    }
  }
}

/** As long as a restart of the privileged process takes. */
const restartMs = 5000;

export class PrivilegedDoor {
  readonly #agent: Agent;

  /** Calls wait for `patienceMs` while the other process is being restarted. */
  constructor(socketPath: string, patienceMs = restartMs) {
    this.#agent = localAgent(socketPath, patienceMs);
  }

  /**
   * Hands a request on and answers it with what comes back. The caller's going away cancels the call. Throws
   * `connection` when the other process cannot be reached and nothing has been answered yet; later losses cut the
   * connection, so that no part of an answer looks whole.
   */
  async forward(request: IncomingMessage, response: ServerResponse, origin: Origin): Promise<Forwarded> {
    const gone = new AbortController();
    const onClose = (): void => {
      if (!response.writableFinished) gone.abort();
    };
    response.once('close', onClose);
    try {
      const answer = await this.#send(request, origin, gone.signal);
      const authId = answer.headers[forwardedCallerHeader];
      response.statusCode = answer.statusCode ?? 500;
      for (let at = 0; at < answer.rawHeaders.length; at += 2) {
        const [name, value] = [answer.rawHeaders[at]!, answer.rawHeaders[at + 1]!];
        const lower = name.toLowerCase();
        if (!hopHeaders.has(lower) && lower !== forwardedCallerHeader) response.appendHeader(name, value);
      }
      // A connection with an unread body cannot carry the next request.
      if (!request.complete) response.setHeader('connection', 'close');
      await pipeline(answer, response).catch(() => response.destroy());
      const bytes = Number(answer.headers['content-length'] ?? 0);
      return { bytes, ...(typeof authId === 'string' ? { authId } : {}) };
    } finally {
      response.off('close', onClose);
      // What is left of a body that was refused.
      if (!request.complete) gone.abort();
    }
  }

  /** Whether the secret is the token's. Throws `connection` when nobody can say. */
  async checkToken(tokenId: AuthId, secret: string): Promise<boolean> {
    return (await this.#askAboutToken({ tokenid: tokenId, secret })) === true;
  }

  /** The active token whose secret this is. Throws `connection` when nobody can say. */
  async findToken(secret: string): Promise<AuthId | undefined> {
    const found = await this.#askAboutToken({ secret });
    return typeof found === 'string' ? found : undefined;
  }

  async #askAboutToken(question: { tokenid?: AuthId; secret: string }): Promise<unknown> {
    const body = JSON.stringify(question);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = http.request({
        agent: this.#agent,
        method: 'POST',
        path: tokenCheckPath,
        headers: { host: 'local' },
      });
      call.once('response', resolve);
      call.once('error', reject);
      call.end(body);
    });
    const text = Buffer.from(await collect(answer, maxTokenAnswer, 'answer')).toString();
    if (answer.statusCode !== 200) throw new GranaryError('internal', `check of a token's secret: ${text}`);
    return JSON.parse(text);
  }

  #send(request: IncomingMessage, origin: Origin, signal: AbortSignal): Promise<IncomingMessage> {
    const headers: Record<string, string | string[]> = { host: 'local' };
    for (const [name, value] of Object.entries(request.headers)) {
      if (value !== undefined && !hopHeaders.has(name)) headers[name] = value;
    }
    // The other side must not close as soon as it has answered: with a body under way that can lose the answer.
    headers['connection'] = 'keep-alive';
    headers[forwardedPeerHeader] = `[${origin.peer}]:${origin.peerPort}`;
    headers[forwardedStartHeader] = String(origin.startedMs);
    return new Promise((resolve, reject) => {
      const { method, url: path } = request;
      const call = http.request({ agent: this.#agent, method, path, headers, signal });
      call.once('response', resolve);
      call.on('error', (error) => {
        if (error instanceof GranaryError) return reject(error);
        reject(
          new GranaryError('connection', `the privileged process did not answer: ${error.message}`, { cause: error }),
        );
      });
      if (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined) {
        call.end();
        return;
      }
      // Not by `pipeline`: an answer before the end of the body must not end the caller's connection.
      request.pipe(call);
    });
  }
}
