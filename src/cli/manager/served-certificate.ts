// Whether the local server shows a certificate yet: each of its processes looks for a new one once a second, and
// commands pin the one that is on disk.

import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { certificateFiles } from '../../certificates/identity.ts';

const patienceMs = 10_000;
/** So many new connections in a row show it before all processes are taken to have it. */
const inARow = 5;

/** Waits until the server on the port shows the certificate. False when it does not for long, or does not answer. */
export async function untilServed(port: number, fingerprint: string, signal: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + patienceMs;
  for (let seen = 0; seen < inARow; ) {
    const shown = await shownFingerprint(port);
    if (shown === undefined || performance.now() > deadline) return false;
    seen = shown === fingerprint ? seen + 1 : 0;
    if (seen === 0) await sleep(100, undefined, { signal });
  }
  return true;
}

/** Whether the certificate of a server was replaced so lately that the server may still show the old one. */
export async function isJustReplaced(configDirectory: string): Promise<boolean> {
  const { mtimeMs } = await stat(certificateFiles(configDirectory).certificate);
  return Math.abs(Date.now() - mtimeMs) < patienceMs;
}

/** The fingerprint that the local server shows on a new connection; undefined when there is none. */
async function shownFingerprint(port: number): Promise<string | undefined> {
  const { connect } = await import('node:tls');
  return new Promise((resolve) => {
    const socket = connect({ port, host: 'localhost', rejectUnauthorized: false, timeout: patienceMs }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256.toLowerCase());
      socket.destroy();
    });
    socket.on('error', () => resolve(undefined));
    socket.on('timeout', () => socket.destroy(new Error('timed out')));
  });
}
