// Lets a TLS socket put all that it receives into one buffer. By itself it makes a new one for each record of 16 KiB,
// and passes each through a queue, which costs more than the decryption; `net.connect` has the option `onread` against
// that, but a socket that a server accepted, or that has spoken HTTP before, gets it only this way.

import type { TLSSocket } from 'node:tls';

/** A record's content is at most 16 KiB, and records come one by one. */
const bufferSize = 16 * 1024;

interface StreamHandle {
  useUserBuffer(buffer: Uint8Array): void;
}

/**
 * From now on `take` gets what the socket receives, valid during the call, instead of listeners to `data`; all other
 * events stay. What the socket has in its queue comes first, before this returns. False, and nothing is changed, in a
 * Node that does not have what this needs.
 */
export function receiveInOneBuffer(socket: TLSSocket, take: (bytes: Buffer) => void): boolean {
  const place = Reflect.ownKeys(socket).find((key) => String(key) === 'Symbol(kBuffer)');
  const callback = Reflect.ownKeys(socket).find((key) => String(key) === 'Symbol(kBufferCb)');
  const handle: unknown = Reflect.get(socket, '_handle');
  if (place === undefined || callback === undefined || !isStreamHandle(handle)) return false;
  for (let queued = socket.read(); queued !== null; queued = socket.read()) take(queued);
  const buffer = Buffer.allocUnsafeSlow(bufferSize);
  Reflect.set(socket, callback, (length: number) => take(buffer.subarray(0, length)));
  Reflect.set(socket, place, buffer);
  handle.useUserBuffer(buffer);
  return true;
}

function isStreamHandle(handle: unknown): handle is StreamHandle {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    'useUserBuffer' in handle &&
    typeof handle.useUserBuffer === 'function'
  );
}
