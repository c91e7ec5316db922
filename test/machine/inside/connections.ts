// Opens a connection after the other on four lanes until its input ends; prints how many were answered, and fails if one
// was not.

import { once } from 'node:events';
import tls from 'node:tls';

let isOver = false;
process.stdin.resume().once('end', () => {
  isOver = true;
});
let answered = 0;
let slowestMs = 0;
const lost: string[] = [];

async function connect(): Promise<void> {
  const start = performance.now();
  try {
    const socket = tls.connect({ host: 'localhost', port: 8007, rejectUnauthorized: false });
    socket.setTimeout(120_000, () => socket.destroy(new Error('no answer')));
    let answer = '';
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString();
    });
    socket.write('GET /api2/json/ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    await once(socket, 'close');
    if (answer.startsWith('HTTP/1.1 200') && answer.includes('"pong":true')) answered++;
    else lost.push(`answer '${answer}'`);
  } catch (error) {
    lost.push(String(error));
  }
  slowestMs = Math.max(slowestMs, performance.now() - start);
}

async function lane(): Promise<void> {
  while (!isOver) await connect();
}

await Promise.all([lane(), lane(), lane(), lane()]);
console.log(`${answered} connections answered, the slowest after ${Math.round(slowestMs)} ms ${lost.join(', ')}`);
process.exitCode = lost.length === 0 ? 0 : 1;
