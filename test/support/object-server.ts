// A real S3 server for tests, on a free port of the loopback, with a certificate of its own: OpenStack Swift and its S3
// interface (object-server.py). It knows no conditional uploads, as some providers.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { accessSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { S3Client } from '@aws-sdk/client-s3';
import { S3Objects, type S3Options } from '../../src/object-store/s3-objects.ts';
import { findInstalled } from './installed.ts';
import { scratchFolder } from './scratch.ts';

const openssl = findInstalled('openssl', 'openssl');
/** Where Debian's package python3-swift puts it. */
const swift = '/usr/lib/python3/dist-packages/swift/common/middleware/s3api/s3api.py';

/** Whether there is a server to test against; says so where there is none, and throws in continuous integration. */
export const hasObjectServer = openssl !== undefined && findSwift();

function findSwift(): boolean {
  try {
    accessSync(swift);
    return true;
  } catch {
    if (process.env['CI']) throw new Error('Swift is missing: .ci/run has to install python3-swift');
    console.log('not tested against an S3 server: install the Debian package python3-swift for that');
    return false;
  }
}

export class ObjectServer implements AsyncDisposable {
  readonly port: number;
  readonly fingerprint: string;
  /** PEM. */
  readonly certificate: Buffer;
  readonly key: Buffer;
  readonly #folder: string;
  readonly #process: ChildProcess;
  #client: S3Client | undefined;

  private constructor(folder: string, port: number, certificate: Buffer, key: Buffer, child: ChildProcess) {
    this.#folder = folder;
    this.port = port;
    this.certificate = certificate;
    this.key = key;
    this.fingerprint = new X509Certificate(certificate).fingerprint256;
    this.#process = child;
  }

  /** Starts a server with these buckets. */
  static async start(...buckets: string[]): Promise<ObjectServer> {
    const folder = scratchFolder('granary-objects-');
    const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const pair = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      key,
      '-out',
      certificate,
    ];
    execFileSync(openssl!, ['req', '-x509', '-days', '3650', ...pair, ...subject], { stdio: 'ignore' });
    const script = join(import.meta.dirname, 'object-server.py');
    const child = spawn('/usr/bin/python3', [script, folder, certificate, key], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = (await Promise.race([
      once(createInterface(child.stdout), 'line'),
      once(child, 'exit').then(() => Promise.reject(new Error('the object server did not start'))),
    ])) as [string];
    const server = new ObjectServer(folder, Number(line), await readFile(certificate), await readFile(key), child);
    try {
      for (const bucket of buckets) await server.createBucket(bucket);
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** How to reach it. Retries are quick. */
  get options(): S3Options {
    return {
      id: 'swift',
      endpoint: 'localhost',
      port: this.port,
      region: 'us-west-1',
      accessKey: 'test:backup',
      secretKey: 'backup-secret',
      fingerprint: this.fingerprint,
      pathStyle: true,
      withoutConditions: true,
      retryMs: 5,
    };
  }

  objects(bucket: string, change: Partial<S3Options> = {}): S3Objects {
    return new S3Objects({ ...this.options, ...change }, bucket);
  }

  async createBucket(name: string): Promise<void> {
    const { CreateBucketCommand, S3Client: Client } = await import('@aws-sdk/client-s3');
    this.#client ??= new Client({
      endpoint: `https://localhost:${this.port}`,
      region: 'us-west-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'test:backup', secretAccessKey: 'backup-secret' },
      requestHandler: { httpsAgent: { ca: this.certificate } },
    });
    await this.#client.send(new CreateBucketCommand({ Bucket: name }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client?.destroy();
    if (this.#process.exitCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.stdin?.end();
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
