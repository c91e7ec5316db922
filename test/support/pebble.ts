// An ACME server for tests: Debian's pebble, whose validation asks a name server that knows every name as 127.0.0.1.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSelfSigned } from '../../src/certificates/self-signed.ts';
import { findInstalled } from './installed.ts';

export const pebbleProgram = findInstalled('pebble', 'pebble');
const nameServerProgram = findInstalled('pebble-challtestsrv', 'pebble');

export interface PebbleOptions {
  /** Keys by identifier: then new accounts need an external account binding. */
  bindingKeys?: Record<string, string>;
  /** Another server whose certificate this one shows, so that who trusts the one trusts the other. */
  like?: Pebble;
}

const patienceMs = 20_000;

export class Pebble implements AsyncDisposable {
  /** URL of the directory. */
  readonly directory: string;
  /** File with the certificate to trust. */
  readonly caFile: string;
  /** The port to which validation by HTTP comes. */
  readonly httpPort: number;
  /** Set the TXT records that validation sees by POST to `/set-txt` and `/clear-txt` here. */
  readonly nameServer: string;
  readonly #identity: Identity;
  readonly #management: string;
  readonly #folder: string;
  readonly #children: ChildProcess[];

  private constructor(folder: string, identity: Identity, ports: number[], children: ChildProcess[]) {
    const [acme, management, validation, nameServer] = ports;
    this.#folder = folder;
    this.#identity = identity;
    this.caFile = join(folder, 'cert.pem');
    this.directory = `https://localhost:${acme}/dir`;
    this.#management = `https://localhost:${management}`;
    this.httpPort = validation!;
    this.nameServer = `http://127.0.0.1:${nameServer}`;
    this.#children = children;
  }

  static async start(o: PebbleOptions = {}): Promise<Pebble> {
    const folder = mkdtempSync(join(tmpdir(), 'granary-pebble-'));
    const [acme, management, validation, manageNames, names] = await freePorts(5);
    const identity = o.like ? o.like.#identity : await makeIdentity();
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const pebble = {
      listenAddress: `127.0.0.1:${acme}`,
      managementListenAddress: `127.0.0.1:${management}`,
      certificate: file('cert.pem', identity.certificate),
      privateKey: file('key.pem', identity.key),
      httpPort: validation,
      tlsPort: validation,
      externalAccountBindingRequired: o.bindingKeys !== undefined,
      externalAccountMACKeys: o.bindingKeys ?? {},
    };
    const config = file('pebble.json', JSON.stringify({ pebble }));
    const start = (program: string, words: string[]): ChildProcess =>
      spawn(program, words, {
        stdio: 'ignore',
        env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_AUTHZREUSE: '0', PEBBLE_WFE_NONCEREJECT: '20' },
      });
    const children = [
      start(nameServerProgram!, [
        ...['-dns01', `127.0.0.1:${names}`, '-management', `127.0.0.1:${manageNames}`, '-defaultIPv6', ''],
        ...['-http01', '', '-https01', '', '-tlsalpn01', ''],
      ]),
      start(pebbleProgram!, ['-config', config, '-dnsserver', `127.0.0.1:${names}`]),
    ];
    const server = new Pebble(folder, identity, [acme!, management!, validation!, manageNames!], children);
    await Promise.all([acme!, manageNames!].map(listening));
    return server;
  }

  /** What the server knows of a certificate that it issued: `Valid` or `Revoked`. */
  async statusOf(serial: string): Promise<string> {
    const url = `${this.#management}/cert-status-by-serial/${serial.toLowerCase().replace(/^0+/, '')}`;
    const text = await new Promise<string>((resolve, reject) => {
      https.get(url, { rejectUnauthorized: false }, collect(resolve)).on('error', reject);
    });
    return (JSON.parse(text) as { Status: string }).Status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGKILL')) await gone;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface Identity {
  certificate: string;
  key: string;
}

function makeIdentity(): Promise<Identity> {
  return makeSelfSigned({
    organization: 'Test',
    organizationalUnit: 'Test',
    commonName: 'localhost',
    alternativeNames: ['localhost', '127.0.0.1'],
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
    bits: 2048,
  });
}

function collect(resolve: (text: string) => void): (response: IncomingMessage) => void {
  return (response) => {
    const parts: Buffer[] = [];
    response.on('data', (part: Buffer) => parts.push(part));
    response.on('end', () => resolve(Buffer.concat(parts).toString()));
  };
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as net.AddressInfo).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Waits until something listens on the port. */
async function listening(port: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('close', () => socket.destroy());
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    if (performance.now() > deadline) throw new Error(`nothing listens on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
