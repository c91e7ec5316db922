// A directory server for tests: OpenLDAP's slapd with a configuration, data, keys and ports of its own, on loopback.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const schemas = ['core', 'cosine', 'inetorgperson', 'nis'];

/** What Active Directory has and OpenLDAP lacks, as far as logins need it. */
const adSchema = `
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.2.1 NAME 'defaultNamingContext' EQUALITY distinguishedNameMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 SINGLE-VALUE )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP inetOrgPerson STRUCTURAL MAY ( sAMAccountName ) )
objectclass ( 1.2.840.113556.1.5.99 NAME 'namingRoot' SUP top AUXILIARY MAY ( defaultNamingContext ) )
`;

export const suffix = 'dc=example,dc=com';
export const adminDn = `cn=admin,${suffix}`;
export const adminPassword = 'directory admin';

export interface SlapdOptions {
  /** Entries below `dc=example,dc=com`, which is there already. */
  ldif: string;
  /** How many entries anybody gets at once without asking for pages. */
  sizeLimit?: number;
  /** Whether somebody who has not logged in may search. Default true. */
  anonymousReads?: boolean;
}

export class Slapd implements AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  readonly tlsPort: number;
  /** The certificate of who signed the server's, which is for `localhost`, not for its address. */
  readonly caPath: string;
  readonly #program: string;
  #child: ChildProcess | undefined;

  private constructor(program: string, folder: string, port: number, tlsPort: number) {
    this.#program = program;
    this.folder = folder;
    this.port = port;
    this.tlsPort = tlsPort;
    this.caPath = join(folder, 'ca.pem');
  }

  static async start(program: string, o: SlapdOptions): Promise<Slapd> {
    const folder = mkdtempSync(join(tmpdir(), 'granary-slapd-'));
    makeCertificates(folder);
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'ad.schema'), adSchema);
    writeFileSync(join(folder, 'root.ldif'), `dn:\nobjectClass: namingRoot\ndefaultNamingContext: ${suffix}\n`);
    writeFileSync(join(folder, 'slapd.conf'), configuration(folder, o));
    const top = `dn: ${suffix}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n`;
    const flags = ['-f', join(folder, 'slapd.conf')];
    execFileSync(program, ['-T', 'add', '-q', ...flags], { input: top + o.ldif, stdio: ['pipe', 'ignore', 'inherit'] });
    const slapd = new Slapd(program, folder, await freePort(), await freePort());
    await slapd.resume();
    return slapd;
  }

  /** Starts the server again after `stop`. */
  async resume(): Promise<void> {
    const urls = `ldap://127.0.0.1:${this.port}/ ldaps://127.0.0.1:${this.tlsPort}/`;
    const child = spawn(this.#program, ['-d', '0', '-h', urls, '-f', join(this.folder, 'slapd.conf')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#child = child;
    const ended = new Promise<never>((_, reject) => {
      child.once('exit', (code) => reject(new Error(`slapd ended with ${code}`)));
    });
    ended.catch(() => {});
    await Promise.race([Promise.all([answers(this.port), answers(this.tlsPort)]), ended]);
  }

  /** From now on nobody listens at its ports. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }
}

/** One person as an entry of the directory. */
export function person(uid: string, o: Record<string, string> & { password?: string } = {}): string {
  const { password, ...attributes } = o;
  const lines = { cn: uid, sn: uid, uid, ...(password === undefined ? {} : { userPassword: password }), ...attributes };
  const text = Object.entries(lines).map(([name, value]) => `${name}:: ${Buffer.from(value).toString('base64')}\n`);
  return `dn:: ${Buffer.from(`uid=${uid},${suffix}`).toString('base64')}\nobjectClass: inetOrgPerson\n${text.join('')}\n`;
}

function configuration(folder: string, o: SlapdOptions): string {
  return [
    ...schemas.map((name) => `include /etc/ldap/schema/${name}.schema`),
    `include ${folder}/ad.schema`,
    'modulepath /usr/lib/ldap',
    'moduleload back_mdb',
    `TLSCACertificateFile ${folder}/ca.pem`,
    `TLSCertificateFile ${folder}/server.pem`,
    `TLSCertificateKeyFile ${folder}/server.key`,
    `rootDSE ${folder}/root.ldif`,
    'database mdb',
    `suffix "${suffix}"`,
    `rootdn "${adminDn}"`,
    `rootpw "${adminPassword}"`,
    `directory ${folder}/data`,
    'dbnosync',
    `limits * size.soft=${o.sizeLimit ?? 'unlimited'} size.hard=${o.sizeLimit ?? 'unlimited'} size.prtotal=unlimited`,
    o.anonymousReads === false ? 'access to * by anonymous auth by * read' : 'access to * by * read',
    '',
  ].join('\n');
}

function makeCertificates(folder: string): void {
  const openssl = (...words: string[]): void => void execFileSync('openssl', words, { cwd: folder, stdio: 'ignore' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Test CA', '-days', '2');
  openssl('req', ...newKey, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=directory');
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost\n');
  const signed = ['-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', 'server.pem'];
  openssl('x509', '-req', ...signed, '-days', '2', '-extfile', 'names');
}

async function freePort(): Promise<number> {
  const probe = net.createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as net.AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Resolves once something listens at the port. */
async function answers(port: number): Promise<void> {
  for (;;) {
    const socket = net.connect(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
