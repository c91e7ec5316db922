// Tunnels through HTTP proxies (CONNECT), for connections that are no HTTP requests of Node's own.

import type { Socket } from 'node:net';
import { GranaryError, messageOf } from '../base/errors.ts';

export interface HttpProxy {
  host: string;
  port: number;
  /** The value of `Proxy-Authorization`. */
  authorization: string | undefined;
}

const defaultPort = 1080;
/** The head of an answer is not longer. */
const maxHead = 16384;

/** Parses `[http://][user:password@]host[:port]`. Throws `usage` that names what it was given as. */
export function parseProxy(text: string, what: string): HttpProxy {
  try {
    const url = new URL(/^[a-z0-9+.-]+:\/\//i.test(text) ? text : `http://${text}`);
    if (url.protocol !== 'http:' || url.hostname === '') throw new Error('only http proxies are known');
    const user = decodeURIComponent(url.username);
    const login = user === '' ? undefined : `${user}:${decodeURIComponent(url.password)}`;
    return {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (/:80\/?$/.test(text) ? 80 : defaultPort) : Number(url.port),
      authorization: login === undefined ? undefined : `Basic ${Buffer.from(login).toString('base64')}`,
    };
  } catch (error) {
    throw new GranaryError('usage', `${what} cannot be understood: ${messageOf(error)}`);
  }
}

/** Asks the proxy at the other end of `socket` for a tunnel to `target`, `host:port`. Throws `connection`. */
export function openTunnel(socket: Socket, target: string, authorization: string | undefined): Promise<void> {
  const extra = authorization === undefined ? '' : `Proxy-Authorization: ${authorization}\r\n`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${extra}\r\n`);
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    const closed = (): void => reject(new Error('the proxy closed the connection'));
    const onData = (data: Buffer): void => {
      head = Buffer.concat([head, data]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0 && head.byteLength < maxHead) return;
      socket.removeListener('data', onData);
      socket.removeListener('close', closed);
      socket.pause();
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(head.toString('latin1'))?.[1];
      if (end >= 0 && status === '200') {
        const rest = head.subarray(end + 4);
        if (rest.byteLength > 0) socket.unshift(rest);
        resolve();
      } else {
        const text = `the proxy refused a tunnel to ${target}: status ${status ?? 'unknown'}`;
        reject(new GranaryError('connection', text));
      }
    };
    socket.on('data', onData);
    socket.once('close', closed);
  });
}
