// What a line allows: one TLS connection between two Node processes that does nothing but send, in either direction.
// `--serve ADDRESS` answers on a printed port; `--send HOST PORT BYTES` and `--fetch HOST PORT BYTES` print seconds, from
// before the connection to the last byte.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { makeSelfSigned } from '../../src/certificates/self-signed.ts';

const piece = Buffer.alloc(256 * 1024, 7);
const [mode, host, port, size] = process.argv.slice(2) as [string, string, string, string];

if (mode === '--serve') await serve(host);
else await transfer();

/** The first 9 bytes say what is wanted: direction and length. */
async function serve(address: string): Promise<void> {
  const { certificate: cert, key } = await makeSelfSigned({
    organization: 'Granary',
    organizationalUnit: 'test',
    commonName: 'localhost',
    alternativeNames: ['localhost'],
    notBefore: new Date(0),
    notAfter: new Date(Date.now() + 86_400_000),
    bits: 2048,
  });
  const server = tls.createServer({ cert, key }, (socket) => {
    socket.on('error', () => {});
    let wanted = -1;
    socket.on('data', (data) => {
      let came = data.byteLength;
      if (wanted < 0) {
        wanted = Number(data.readBigUInt64LE(1));
        came -= 9;
        if (data[0] === 1) void send(socket, wanted).then(() => socket.end());
      }
      wanted -= came;
      if (wanted === 0) socket.end('.');
    });
  });
  server.listen(0, address);
  await once(server, 'listening');
  console.log((server.address() as AddressInfo).port);
}

async function send(socket: tls.TLSSocket, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= piece.byteLength) {
    if (!socket.write(piece.subarray(0, left))) await once(socket, 'drain');
  }
}

async function transfer(): Promise<void> {
  const start = performance.now();
  const socket = tls.connect({ host, port: Number(port), rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const head = Buffer.alloc(9);
  head[0] = mode === '--fetch' ? 1 : 0;
  head.writeBigUInt64LE(BigInt(size), 1);
  socket.write(head);
  socket.resume();
  if (mode === '--send') await send(socket, Number(size));
  await once(socket, 'end');
  console.log((performance.now() - start) / 1000);
}
