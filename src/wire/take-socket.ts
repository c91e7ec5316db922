// Takes a connection away from Node's HTTP server after an ordinary request. Node does so by itself only for requests
// with `Connection: upgrade`, which some clients leave out (backup-protocol.md 2).

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

/** The request's connection, paused, for somebody else to write to; `response` can no longer be used. */
export async function takeSocket(request: IncomingMessage, response: ServerResponse): Promise<Duplex> {
  // The parser is still busy with the request that it has just announced.
  await setImmediate();
  const { socket } = request;
  // A listener for data makes the parser let go of the connection's native side.
  socket.on('data', () => {});
  for (const event of ['data', 'end', 'drain', 'timeout', 'error']) socket.removeAllListeners(event);
  response.detachSocket(socket);
  socket.setTimeout(0);
  socket.pause();
  return socket;
}
