// Says to a server of ours what the product's client said to the product's, and compares the answers. Bodies whose
// bytes the transcript does not have are made anew, and with them the digests, checksums and lengths that follow.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Agent, IncomingHttpHeaders } from 'node:http';
import http2, { type ClientHttp2Session } from 'node:http2';
import type { CryptConfig } from '../../crypto/crypt-config.ts';
import { blobMagics, encodeBlob } from '../../format/blob.ts';
import { encodeManifestBlob, type Manifest, type ManifestFile, signManifest } from '../../format/manifest.ts';
import type { BackupType } from '../../model/names.ts';
import { http } from '../../os/node-http.ts';
import { dynamicChecksum, fixedChecksum, noise, sha256, type TestChunk } from './content.ts';
import { answerTo, begin, type ForeignAnswer } from './foreign-client.ts';
import type { SessionServer } from './session-server.ts';
import type { TranscriptEvent, TranscriptMessage } from './transcript.ts';

type Request = Extract<TranscriptEvent, { kind: 'request' }>;
type Answer = Extract<TranscriptEvent, { kind: 'answer' }>;

/** What stands in the transcript for secrets, and what to send instead. */
export interface Secrets {
  password: string;
  tokenSecret: string;
  crypt: CryptConfig;
}

interface Writer {
  name: string;
  chunks: TestChunk[];
}

/** Content that took the place of the product's; shared by all connections, as the datastore is. */
export class Stand {
  readonly server: SessionServer;
  readonly secrets: Secrets;
  /** By the digest in the transcript. */
  readonly chunks = new Map<string, TestChunk & { encrypted: boolean }>();
  /** By the task id in the transcript. */
  readonly upids = new Map<string, string>();
  requests = 0;

  constructor(server: SessionServer, secrets: Secrets) {
    this.server = server;
    this.secrets = secrets;
  }

  /** A chunk of the same length and kind as the product's. */
  chunk(digest: string, size: number, start: Buffer): TestChunk {
    const known = this.chunks.get(digest);
    if (known) return known;
    const is = (magic: Uint8Array): boolean => Buffer.from(magic).equals(start.subarray(0, 8));
    const encrypted = is(blobMagics.encrypted) || is(blobMagics.encryptedCompressed);
    const compressed = is(blobMagics.compressed) || is(blobMagics.encryptedCompressed);
    const data = compressed ? Buffer.alloc(size, digest) : noise(digest, size);
    const crypt = encrypted ? this.secrets.crypt : undefined;
    const own = crypt ? Buffer.from(crypt.digest(data)) : sha256(data);
    const blob = encodeBlob(data, { crypt, compress: compressed });
    assert.deepEqual(Buffer.from(blob.subarray(0, 8)), start.subarray(0, 8));
    const made = { data, digest: own.toString('hex'), blob, encrypted };
    this.chunks.set(digest, made);
    return made;
  }
}

/** One connection of the transcript. */
export class Replay {
  readonly #stand: Stand;
  readonly #writers = new Map<number, Writer>();
  readonly #files: ManifestFile[] = [];
  readonly #open = new Map<number, { request: Request; answer: Promise<ForeignAnswer> }>();
  #login: Record<string, string> = {};
  #agent: Agent | undefined;
  #http2: ClientHttp2Session | undefined;
  /** Parameters of the upgrade. */
  #session = new URLSearchParams();
  #kind: 'backup' | 'reader' | undefined;

  constructor(stand: Stand) {
    this.#stand = stand;
  }

  /** Goes through the events; answers are awaited where the transcript has them. */
  async run(events: readonly TranscriptEvent[]): Promise<void> {
    const { socket } = await this.#stand.server.socket();
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.#agent.createConnection = () => socket;
    let plain: { request: Request; received: ReturnType<Replay['plain']> } | undefined;
    for (const event of events) {
      if (event.kind === 'request') {
        this.#stand.requests++;
        if (event.stream === undefined) plain = { request: event, received: this.plain(event) };
        else this.#open.set(event.stream, { request: event, answer: this.#send(event) });
      } else if (event.kind === 'answer' && event.stream === undefined) {
        const { status, headers, text } = await plain!.received;
        this.#comparePlain(plain!.request, event, status, headers, text);
      } else if (event.kind === 'answer') {
        const { request, answer } = this.#open.get(event.stream!)!;
        this.#compare(request, event, await answer);
      } else if (event.text.startsWith('GOAWAY')) this.#http2?.close();
    }
    this.#http2?.destroy();
    socket.destroy();
    await this.#checkTask();
  }

  async #checkTask(): Promise<void> {
    if (!this.#kind) return;
    const id = `${this.#session.get('store')}:${this.#session.get('backup-type')}/${this.#session.get('backup-id')}`;
    const time = Number(this.#session.get('backup-time')).toString(16).toUpperCase().padStart(8, '0');
    const task = await this.#stand.server.ended(this.#kind, this.#kind === 'reader' ? `${id}/${time}` : id);
    assert.equal(task.status, 'OK', task.lines.join('\n'));
  }

  /** An HTTP/1.1 request with the headers of the transcript. */
  async plain(request: Request): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> {
    const headers: Record<string, string> = {};
    for (const [name, value] of request.headers) headers[name] = value;
    if (headers['cookie'] !== undefined) Object.assign(headers, this.#login);
    if (headers['authorization'] !== undefined) {
      headers['authorization'] = headers['authorization'].replace('<token secret>', this.#stand.secrets.tokenSecret);
    }
    const body = this.#plainBody(request);
    if (body) headers['content-length'] = String(body.length);
    const path = request.path.replace(/UPID%3A[^/?]*/, (upid) => {
      const own = this.#stand.upids.get(decodeURIComponent(upid));
      assert.ok(own, `task ${upid} was not started`);
      return encodeURIComponent(own);
    });
    // The product's task had ended when its client asked for this.
    if (path.endsWith('/status')) await this.#stand.server.taskEnded(decodeURIComponent(path.split('/').at(-2)!));
    const sent = http.request({ agent: this.#agent, method: request.method, path, headers });
    sent.end(body);
    return new Promise((resolve, reject) => {
      sent.on('error', reject);
      sent.on('upgrade', (response, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        const url = new URL(request.path.replace(/^\/+/, '/'), 'https://x');
        this.#session = url.searchParams;
        this.#kind = url.pathname.endsWith('reader') ? 'reader' : 'backup';
        this.#http2 = http2.connect('https://localhost:8007', { createConnection: () => socket });
        this.#http2.on('error', () => {});
        resolve({ status: 101, headers: response.headers, text: '' });
      });
      sent.on('response', async (response) => {
        const text = Buffer.concat(await response.toArray()).toString();
        resolve({ status: response.statusCode!, headers: response.headers, text });
      });
    });
  }

  #plainBody(request: Request): Buffer | undefined {
    const { body } = request;
    if (body.kind === 'empty') return undefined;
    if (body.kind === 'binary') return Buffer.from(encodeBlob(Buffer.from('a line of the log\n')));
    // The password's length is all that tells a wrong one.
    const length = Number(request.headers.get('content-length'));
    const right = length === body.text.replace('<password>', this.#stand.secrets.password).length;
    return Buffer.from(body.text.replace('<password>', right ? this.#stand.secrets.password : 'wrong'));
  }

  #comparePlain(request: Request, expected: Answer, status: number, headers: IncomingHttpHeaders, text: string): void {
    const what = `${request.method} ${request.path}`;
    assert.equal(status, expected.status, `${what}: ${text}`);
    for (const name of ['content-type', 'upgrade', 'connection']) {
      if (expected.headers.has(name)) assert.equal(headers[name], expected.headers.get(name), `${what}: ${name}`);
    }
    assert.ok(headers.date, what);
    if (expected.body.kind !== 'text') return;
    const given = expected.body.text;
    if (!given.startsWith('{')) {
      assert.equal(text, given, what);
      return;
    }
    const [own, product] = [JSON.parse(text), JSON.parse(given)] as { data: unknown }[];
    assertAlike(own, product, what);
    const { ticket, CSRFPreventionToken: csrf } = (own!.data ?? {}) as Record<string, string>;
    if (ticket) this.#login = { cookie: `PBSAuthCookie=${ticket}`, csrfpreventiontoken: csrf! };
    if (isUpid(product!.data)) this.#stand.upids.set(product!.data, String(own!.data));
  }

  /** Sends a request of the session with content of ours. */
  async #send(request: Request): Promise<ForeignAnswer> {
    const session = this.#http2!;
    if (session.connecting) await once(session, 'connect');
    const url = new URL(request.path, 'https://x');
    const query: Record<string, string | number> = Object.fromEntries(url.searchParams);
    const headers: Record<string, string> = {};
    for (const [name, value] of request.headers) if (name !== ':status') headers[name] = value;
    const body = this.#content(url.pathname, query, request);
    const stream = begin(session, request.method, url.pathname, { query, headers, body });
    return answerTo(stream);
  }

  /** The body of ours, with the parameters that follow from it put into `query`. */
  #content(path: string, query: Record<string, string | number>, request: Request): Uint8Array | undefined {
    const { body } = request;
    if (path.endsWith('_chunk') && body.kind === 'binary') {
      const chunk = this.#stand.chunk(String(query['digest']), Number(query['size']), body.start);
      query['digest'] = chunk.digest;
      query['encoded-size'] = chunk.blob.length;
      return chunk.blob;
    }
    if (path === '/blob' && body.kind === 'binary') {
      const raw = this.#blob(String(query['file-name']), body.length, body.start);
      query['encoded-size'] = raw.length;
      return raw;
    }
    if (path === '/chunk') query['digest'] = this.#stand.chunks.get(String(query['digest']))!.digest;
    if (body.kind === 'text') return this.#append(body.text);
    if (path.endsWith('_close')) query['csum'] = this.#close(path.startsWith('/fixed'), Number(query['wid']));
    return undefined;
  }

  #append(text: string): Buffer {
    const json = JSON.parse(text) as { wid: number; 'digest-list': string[] };
    const chunks = json['digest-list'].map((digest) => this.#stand.chunks.get(digest)!);
    this.#writers.get(json.wid)!.chunks.push(...chunks);
    return Buffer.from(JSON.stringify({ ...json, 'digest-list': chunks.map(({ digest }) => digest) }));
  }

  #close(fixed: boolean, wid: number): string {
    const { name, chunks } = this.#writers.get(wid)!;
    const csum = fixed ? fixedChecksum(chunks.map(({ digest }) => digest)) : dynamicChecksum(chunks);
    const size = chunks.reduce((sum, { data }) => sum + data.length, 0);
    this.#addFile({ filename: name, 'crypt-mode': this.#mode(), size, csum });
    return csum;
  }

  #addFile(file: ManifestFile): void {
    this.#files.push(file);
  }

  #mode(): 'none' | 'encrypt' {
    const encrypted = [...this.#writers.values()].some(({ chunks }) =>
      chunks.some((chunk) => (chunk as { encrypted?: boolean }).encrypted),
    );
    return encrypted ? 'encrypt' : 'none';
  }

  #blob(name: string, length: number, start: Buffer): Uint8Array {
    if (name === 'index.json.blob') return this.#manifest();
    const encrypted = Buffer.from(blobMagics.encrypted).equals(start.subarray(0, 8));
    const content = noise(name, length - (encrypted ? 44 : 12));
    const raw = encodeBlob(content, { compress: false, ...(encrypted ? { crypt: this.#stand.secrets.crypt } : {}) });
    const csum = sha256(raw).toString('hex');
    this.#addFile({ filename: name, 'crypt-mode': this.#mode(), size: raw.length, csum });
    return raw;
  }

  #manifest(): Uint8Array {
    const manifest: Manifest = {
      type: this.#session.get('backup-type') as BackupType,
      id: this.#session.get('backup-id')!,
      time: Number(this.#session.get('backup-time')),
      files: this.#files,
      signature: null,
      unprotected: {},
    };
    return encodeManifestBlob(
      this.#mode() === 'encrypt' ? signManifest(manifest, this.#stand.secrets.crypt) : manifest,
    );
  }

  #compare(request: Request, expected: Answer, { status, headers, body, text }: ForeignAnswer): void {
    const what = `${request.method} ${request.path}`;
    assert.equal(status, expected.status, `${what}: ${text}`);
    assert.equal(headers['content-type'], expected.headers.get('content-type'), what);
    assert.ok(headers.date, what);
    if (expected.headers.has('content-length')) assert.equal(Number(headers['content-length']), body.length, what);
    if (expected.body.kind === 'binary') {
      this.#compareBytes(request, expected, body);
      return;
    }
    const own = JSON.parse(text) as { data: unknown };
    const { data } = JSON.parse((expected.body as { text: string }).text) as { data: unknown };
    const path = new URL(request.path, 'https://x');
    if (path.pathname.endsWith('_chunk')) assert.deepEqual(own, { data: this.#stand.chunks.get(String(data))!.digest });
    else assert.deepEqual(own, { data }, what);
    if (path.pathname.endsWith('_index') && request.method === 'POST') {
      this.#writers.set(Number(data), { name: path.searchParams.get('archive-name')!, chunks: [] });
    }
  }

  #compareBytes(request: Request, { body: expected }: TranscriptMessage, body: Buffer): void {
    if (expected.kind !== 'binary') return;
    const what = `${request.method} ${request.path}`;
    const digest = new URL(request.path, 'https://x').searchParams.get('digest');
    const chunk = digest === null ? undefined : this.#stand.chunks.get(digest);
    if (chunk) assert.deepEqual(body, Buffer.from(chunk.blob), what);
    else assert.deepEqual(body.subarray(0, 8), expected.start.subarray(0, 8), what);
    // Indexes have as many entries, blobs of plain content as many bytes.
    if (/didx|fidx|host\.conf/.test(request.path)) assert.equal(body.length, expected.length, what);
  }
}

const isUpid = (value: unknown): value is string => typeof value === 'string' && value.startsWith('UPID:');

/** Members whose value cannot be the same; their type still is. */
const volatile = new Set(
  'ticket CSRFPreventionToken avail total used version release repoid upid pid pstart starttime endtime node t active n'.split(
    ' ',
  ),
);

/** Members that the 4.x line has and 3.2 had not. */
const newer = new Set(['backend-type', 'dedup', 'endtime']);

/** Members that only this server gives; clients leave alone what they do not know. */
const ours = new Set(['freed-bytes', 'mark', 'reason']);

/** Compares type by type and, where it must be the same, value by value. The order of a list of things is free. */
export function assertAlike(own: unknown, product: unknown, what: string): void {
  assert.equal(kindOf(own), kindOf(product), what);
  if (Array.isArray(own) && Array.isArray(product)) {
    if (isLog(product)) return;
    assert.equal(own.length, product.length, what);
    const [left, right] = [own, product].map((list) => list.toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)));
    left!.forEach((item, i) => {
      assertAlike(item, right![i], `${what}[${i}]`);
    });
    return;
  }
  if (typeof own !== 'object' || own === null) {
    if (!isUpid(product)) assert.equal(own, product, what);
    return;
  }
  const [left, right] = [own as Record<string, unknown>, product as Record<string, unknown>];
  const keys = Object.keys(left).filter((key) => key in right || !(newer.has(key) || ours.has(key)));
  assert.deepEqual(keys.sort(), Object.keys(right).sort(), what);
  const generated = right['filename'] === 'index.json.blob' || 'backup-time' in right;
  for (const key of Object.keys(right)) {
    const free = volatile.has(key) || (generated && key === 'size');
    if (free) assert.equal(kindOf(left[key]), kindOf(right[key]), `${what}.${key}`);
    else assertAlike(left[key], right[key], `${what}.${key}`);
  }
}

const kindOf = (value: unknown): string => (Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value);
const isLog = (list: readonly unknown[]): boolean => list.some((one) => typeof one === 'object' && 't' in (one ?? {}));

function sortKey(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const { 'backup-id': id, 'backup-time': time, filename, ns } = value as Record<string, unknown>;
  return [id, time, filename, ns].join(' ');
}
