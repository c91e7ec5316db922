// Commands about the server's certificate (cli.md 5). They work on its files, so they need no running server.

import { isIP, isIPv4 } from 'node:net';
import { GranaryError } from '../../base/errors.ts';
import { defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import type { Terminal } from '../framework/terminal.ts';
import { runningPort, serverDirectories } from './local-server.ts';

export const info = defineCommand({
  summary: "Show the server's certificate.",
  options: {},
  async run(_values, terminal) {
    const { describeCertificate } = await import('../../certificates/describe.ts');
    const { certificateFiles, loadIdentity } = await import('../../certificates/identity.ts');
    const directories = serverDirectories(terminal);
    const identity = await loadIdentity(directories.config);
    if (!identity) {
      const file = certificateFiles(directories.config).certificate;
      throw new GranaryError('not-found', `there is no certificate '${file}' with its key`, {
        details: { hint: "The server makes it when it is started for the first time, 'cert update' at once." },
      });
    }
    const facts = describeCertificate('proxy.pem', identity.certificate);
    const lines = [
      `Subject: ${facts.subject}`,
      ...facts.san.map((name) => `    ${alternativeName(name)}`),
      `Issuer: ${facts.issuer}`,
      'Validity:',
      `    Not Before: ${certificateTime(facts.notbefore)}`,
      `    Not After : ${certificateTime(facts.notafter)}`,
      `Fingerprint (sha256): ${facts.fingerprint}`,
      `Public key type: ${facts['public-key-type']}`,
      ...(facts['public-key-bits'] === undefined ? [] : [`Public key bits: ${facts['public-key-bits']}`]),
    ];
    terminal.print(`${lines.join('\n')}\n`);
  },
});

export const update = defineCommand({
  summary: 'Make a self-signed certificate.',
  description:
    'A certificate that is there stays, unless --force is given or the question on a terminal is answered with yes: ' +
    'clients that pin its fingerprint refuse the server until they are told the new one. A server that runs uses ' +
    'the new certificate for new connections at once; backups that run go on.',
  options: { force: optional(option.flag('Replace the certificate that is there.')) },
  examples: ['cert update --force'],
  async run(values, terminal) {
    const { ensureIdentity, loadIdentity } = await import('../../certificates/identity.ts');
    const { config } = serverDirectories(terminal);
    const old = await loadIdentity(config).catch((error: unknown) => {
      // Files that do not go together are replaced like missing ones.
      if (error instanceof GranaryError && error.code === 'certificate') terminal.message(error.message);
      else throw error;
    });
    if (old && values.force !== true) {
      if (!terminal.canAsk) {
        terminal.message(`the certificate stays, its fingerprint is ${old.fingerprint}; --force makes a new one`);
        return;
      }
      const question = `Replace the certificate ${old.fingerprint}? Clients that pin it need the new one. (y/n): `;
      if (!/^y(es)?$/i.test((await terminal.ask(question)).trim())) return;
    }
    const made = await ensureIdentity(config, { clock: terminal.clock, force: true });
    terminal.message(`new certificate, fingerprint ${made.fingerprint}`);
    await waitForServer(terminal, made.fingerprint);
  },
});

/** Waits until a server that runs shows the certificate, so that the next command finds it; says so if it does not. */
async function waitForServer(terminal: Terminal, fingerprint: string): Promise<void> {
  const { untilServed } = await import('./served-certificate.ts');
  let port: number;
  try {
    port = await runningPort(serverDirectories(terminal));
  } catch {
    return;
  }
  if (!(await untilServed(port, fingerprint, terminal.signal))) {
    terminal.message(`the server on port ${port} does not use it; if it runs, restart it`);
  }
}

/** `DNS:name`, and addresses as their bytes: `IP:[127, 0, 0, 1]`. */
function alternativeName(name: string): string {
  return isIP(name) === 0 ? `DNS:${name}` : `IP:[${addressBytes(name).join(', ')}]`;
}

function addressBytes(address: string): number[] {
  if (isIPv4(address)) return address.split('.').map(Number);
  const [head = '', tail] = address.split('::');
  const groups = (text: string | undefined): number[] =>
    text ? text.split(':').map((g) => Number.parseInt(g, 16)) : [];
  const [front, back] = [groups(head), groups(tail)];
  const middle = tail === undefined ? [] : new Array<number>(8 - front.length - back.length).fill(0);
  return [...front, ...middle, ...back].flatMap((group) => [group >> 8, group & 255]);
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Nov 23 02:35:42 2026 GMT` */
function certificateTime(epoch: number): string {
  const date = new Date(epoch * 1000);
  const day = String(date.getUTCDate()).padStart(2, ' ');
  return `${months[date.getUTCMonth()]} ${day} ${date.toISOString().slice(11, 19)} ${date.getUTCFullYear()} GMT`;
}
