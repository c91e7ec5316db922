// Objects in a bucket of an S3 server, through the AWS SDK, which is loaded at the first need (config-and-tasks.md 2).

import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { GranaryError, messageOf } from '../base/errors.ts';
import type { CallOptions, Counted, ObjectInfo, ObjectStore, StoredObject } from './contract.ts';
import { type AgentOptions, pinnedAgent } from './pinned-agent.ts';

export interface S3Options {
  /** The name of the configured endpoint, for texts. */
  id: string;
  /** Host name or address; `{{bucket}}.` in front puts the bucket there, `{{region}}` is filled in. */
  endpoint: string;
  port?: number | undefined;
  region: string;
  accessKey: string;
  secretKey: string;
  fingerprint?: string | undefined;
  pathStyle?: boolean | undefined;
  /** The provider refuses uploads under a condition: they are made without. */
  withoutConditions?: boolean | undefined;
  /** The provider does not remove many objects with one request. */
  deletesSingly?: boolean | undefined;
  /** Settles when an upload may begin. */
  putTurn?: ((signal?: AbortSignal) => Promise<void>) | undefined;
  /** `[http://][user:password@]host[:port]` of a proxy that is asked for a tunnel. */
  proxy?: string | undefined;
  hold?: AgentOptions['hold'];
  /** Told of each request as it is sent, retries too, and of the bytes of contents. */
  count?: ((what: Counted, amount: number) => void) | undefined;
  /** Called when the objects are closed. */
  closed?: (() => void) | undefined;
  /** Milliseconds before a second attempt; doubled before each further one. */
  retryMs?: number;
}

const attempts = 6;
const longestPauseMs = 20_000;
const defaultRetryMs = 200;
/** Without a byte for this long an answer does not come any more. */
const idleMs = 60_000;
const connections = 32;
/** Keys that one request removes. */
const keysAtOnce = 1000;
const singlyAtOnce = 8;

type Sdk = typeof import('@aws-sdk/client-s3');

/** A server without a bucket in mind: which buckets there are. */
export async function listBuckets(options: S3Options): Promise<string[]> {
  const server = new S3Server(options, `S3 endpoint '${options.id}'`);
  try {
    const { Buckets = [] } = await server.call('get', 'list buckets', {}, (sdk, client, o) =>
      client.send(new sdk.ListBucketsCommand({}), o),
    );
    return Buckets.flatMap(({ Name }) => (Name === undefined ? [] : [Name]));
  } finally {
    server.close();
  }
}

/** Repeats, counts and translates the calls of one server. */
class S3Server {
  readonly label: string;
  readonly options: S3Options;
  #client: Promise<{ sdk: Sdk; client: S3Client }> | undefined;

  constructor(options: S3Options, label: string) {
    this.options = options;
    this.label = label;
  }

  #open(): Promise<{ sdk: Sdk; client: S3Client }> {
    this.#client ??= openClient(this.options);
    return this.#client;
  }

  /** Makes a call, again and again while what it meets may pass. `what` says what it does, for texts. */
  async call<T>(
    kind: Counted,
    what: string,
    { signal }: CallOptions,
    send: (sdk: Sdk, client: S3Client, o: { abortSignal?: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const { sdk, client } = await this.#open();
    let pause = this.options.retryMs ?? defaultRetryMs;
    for (let attempt = 1; ; attempt++) {
      this.options.count?.(kind, 1);
      try {
        return await send(sdk, client, signal ? { abortSignal: signal } : {});
      } catch (error) {
        if (signal?.aborted) throw new GranaryError('aborted', `${this.label}: ${what}: ${messageOf(signal.reason)}`);
        if (attempt === attempts || !mayPass(error)) throw this.#failure(what, error, attempt);
      }
      // Not all at once: those that were told to slow down come back at different times.
      await delay(Math.min(longestPauseMs, pause) * (0.5 + Math.random() / 2), undefined, signal ? { signal } : {});
      pause *= 2;
    }
  }

  #failure(what: string, error: unknown, attempt: number): GranaryError {
    if (error instanceof GranaryError) {
      return new GranaryError(error.code, `${this.label}: ${what} failed: ${error.message}`, { cause: error });
    }
    const status = statusOf(error);
    const name = error instanceof Error ? error.name : '';
    const tries = attempt > 1 ? ` (${attempt} attempts)` : '';
    const text = `${this.label}: ${what} failed${tries}: ${explain(error)}`;
    if (status === 401 || status === 403) return new GranaryError('auth-failed', text, { cause: error });
    if (status === 501 && this.options.withoutConditions !== true) {
      const remedy = "if it does not know conditional uploads, set its 'provider-quirks' to skip-if-none-match-header";
      return new GranaryError('io', `${text}; ${remedy}`, { cause: error });
    }
    const code = status === undefined || status >= 500 || name === 'TimeoutError' ? 'connection' : 'io';
    return new GranaryError(code, text, { cause: error });
  }

  close(): void {
    this.#client?.then(
      ({ client }) => client.destroy(),
      () => {},
    );
    this.options.closed?.();
  }
}

/** The objects of one bucket of an S3 server. */
export class S3Objects implements ObjectStore {
  readonly label: string;
  readonly #bucket: string;
  readonly #server: S3Server;

  constructor(options: S3Options, bucket: string) {
    this.label = `S3 endpoint '${options.id}', bucket '${bucket}'`;
    this.#bucket = bucket;
    this.#server = new S3Server(options, this.label);
  }

  get #count(): NonNullable<S3Options['count']> {
    return this.#server.options.count ?? (() => {});
  }

  async put(
    key: string,
    bytes: Uint8Array,
    { ifAbsent = false, ...o }: CallOptions & { ifAbsent?: boolean } = {},
  ): Promise<boolean> {
    const condition = ifAbsent && this.#server.options.withoutConditions !== true ? { IfNoneMatch: '*' } : {};
    try {
      await this.#server.call('put', `put '${key}'`, o, async (sdk, client, sending) => {
        await this.#server.options.putTurn?.(o.signal);
        this.#count('upload', bytes.byteLength);
        const command = new sdk.PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: bytes, ...condition });
        return await client.send(command, sending);
      });
      return true;
    } catch (error) {
      if (ifAbsent && error instanceof GranaryError && statusOf(error.cause) === 412) return false;
      throw error;
    }
  }

  get(key: string, o: CallOptions = {}): Promise<StoredObject | undefined> {
    return this.#read(key, undefined, o);
  }

  async start(key: string, length: number, o: CallOptions = {}): Promise<StoredObject | undefined> {
    try {
      return await this.#read(key, `bytes=0-${length - 1}`, o);
    } catch (error) {
      // An empty object has no first byte.
      if (error instanceof GranaryError && statusOf(error.cause) === 416) return await this.get(key, o);
      throw error;
    }
  }

  #read(key: string, range: string | undefined, o: CallOptions): Promise<StoredObject | undefined> {
    return unlessMissing(
      this.#server.call('get', `get '${key}'`, o, async (sdk, client, sending) => {
        const wanted = { Bucket: this.#bucket, Key: key, ...(range === undefined ? {} : { Range: range }) };
        const answer = await client.send(new sdk.GetObjectCommand(wanted), sending);
        const bytes = Uint8Array.from((await answer.Body?.transformToByteArray()) ?? []);
        this.#count('download', bytes.byteLength);
        if (bytes.byteLength !== answer.ContentLength) throw new CutShort(bytes.byteLength, answer.ContentLength);
        const size = Number(/\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1] ?? bytes.byteLength);
        return { key, size, etag: answer.ETag ?? '', bytes };
      }),
    );
  }

  async head(key: string, o: CallOptions = {}): Promise<ObjectInfo | undefined> {
    const answer = await unlessMissing(
      this.#server.call('head', `head '${key}'`, o, (sdk, client, sending) =>
        client.send(new sdk.HeadObjectCommand({ Bucket: this.#bucket, Key: key }), sending),
      ),
    );
    return answer && { key, size: answer.ContentLength ?? 0, etag: answer.ETag ?? '' };
  }

  async *list(prefix: string, o: CallOptions = {}): AsyncGenerator<ObjectInfo> {
    let token: string | undefined;
    do {
      const page = {
        Bucket: this.#bucket,
        Prefix: prefix,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      };
      const answer = await this.#server.call('get', `list '${prefix}'`, o, (sdk, client, sending) =>
        client.send(new sdk.ListObjectsV2Command(page), sending),
      );
      for (const { Key, Size, ETag } of answer.Contents ?? []) {
        if (Key !== undefined) yield { key: Key, size: Size ?? 0, etag: ETag ?? '' };
      }
      token = answer.IsTruncated ? answer.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async delete(keys: readonly string[], o: CallOptions = {}): Promise<void> {
    const single = keys.length === 1 || this.#server.options.deletesSingly === true;
    const step = single ? singlyAtOnce : keysAtOnce;
    for (let at = 0; at < keys.length; at += step) {
      const some = keys.slice(at, at + step);
      if (single) await Promise.all(some.map((key) => this.#deleteOne(key, o)));
      else await this.#deleteMany(some, o);
    }
  }

  async #deleteOne(key: string, o: CallOptions): Promise<void> {
    await unlessMissing(
      this.#server.call('delete', `delete '${key}'`, o, (sdk, client, sending) =>
        client.send(new sdk.DeleteObjectCommand({ Bucket: this.#bucket, Key: key }), sending),
      ),
    );
  }

  async #deleteMany(keys: readonly string[], o: CallOptions): Promise<void> {
    const what = `delete ${keys.length} objects, '${keys[0]}' first,`;
    const answer = await this.#server.call('post', what, o, (sdk, client, sending) => {
      const objects = keys.map((key) => ({ Key: key }));
      return client.send(
        new sdk.DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects: objects, Quiet: true } }),
        sending,
      );
    });
    const failed = answer.Errors?.find(({ Code }) => Code !== 'NoSuchKey');
    if (!failed) return;
    throw new GranaryError('io', `${this.label}: delete '${failed.Key}' failed: ${failed.Code} ${failed.Message}`);
  }

  async copy(from: string, to: string, etag: string, o: CallOptions = {}): Promise<boolean> {
    const CopySource = `${this.#bucket}/${from.split('/').map(encodeURIComponent).join('/')}`;
    try {
      await this.#server.call('put', `copy '${from}' to '${to}'`, o, (sdk, client, sending) => {
        const wanted = { Bucket: this.#bucket, Key: to, CopySource, CopySourceIfMatch: etag };
        return client.send(new sdk.CopyObjectCommand(wanted), sending);
      });
      return true;
    } catch (error) {
      if (error instanceof GranaryError && [404, 412].includes(statusOf(error.cause) ?? 0)) return false;
      throw error;
    }
  }

  close(): void {
    this.#server.close();
  }
}

async function openClient(o: S3Options): Promise<{ sdk: Sdk; client: S3Client }> {
  const sdk = await import('@aws-sdk/client-s3');
  const host = o.endpoint.replace('{{bucket}}.', '').replaceAll('{{region}}', o.region);
  const agent = await pinnedAgent({
    fingerprint: o.fingerprint,
    connections,
    proxy: o.proxy,
    hold: o.hold,
    remedy: (fingerprint) => `run 'proxmox-backup-manager s3 endpoint update ${o.id} --fingerprint ${fingerprint}'`,
  });
  const client = new sdk.S3Client({
    endpoint: `https://${host}${o.port === undefined ? '' : `:${o.port}`}`,
    region: o.region,
    forcePathStyle: o.pathStyle ?? false,
    credentials: { accessKeyId: o.accessKey, secretAccessKey: o.secretKey },
    // Older servers know no others than those that the protocol demands; contents are signed in any case.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // Repeated here, where it is counted.
    maxAttempts: 1,
    // Those of `NodeHttpHandler`, which is made by the SDK.
    requestHandler: { httpsAgent: agent, socketTimeout: idleMs, connectionTimeout: 0 },
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  });
  client.middlewareStack.add(
    (next) => async (args) => {
      const request: unknown = args.request;
      if (isRequest(request) && 'delete' in (request.query ?? {})) {
        request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64');
      }
      return next(args);
    },
    // Removing many objects needs it on servers that do not know the newer checksums.
    { step: 'build', name: 'contentMd5', priority: 'low' },
  );
  return { sdk, client };
}

interface SdkRequest {
  headers: Record<string, string>;
  query?: Record<string, unknown>;
  body: string | Uint8Array;
}

function isRequest(request: unknown): request is SdkRequest {
  if (typeof request !== 'object' || request === null || !('headers' in request) || !('body' in request)) return false;
  return typeof request.body === 'string' || request.body instanceof Uint8Array;
}

/** An answer that ended before its time. */
class CutShort extends Error {
  constructor(length: number, expected: number | undefined) {
    super(`the answer ended after ${length} of ${expected} bytes`);
  }
}

async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof GranaryError && isMissing(error.cause)) return undefined;
    throw error;
  }
}

/** A missing bucket is not a missing object; HEAD does not tell, and then it is taken for the object. */
function isMissing(error: unknown): boolean {
  return statusOf(error) === 404 && error instanceof Error && error.name !== 'NoSuchBucket';
}

/** The status of an answer that says no; undefined when there was none. */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const { $metadata: metadata } = error;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** Whether the same call may succeed later: too much at once, a server in trouble, a connection that was cut. */
function mayPass(error: unknown): boolean {
  if (error instanceof GranaryError) return false;
  const status = statusOf(error);
  if (status !== undefined && status !== 200)
    return status === 408 || status === 429 || (status >= 500 && status !== 501);
  if (error instanceof Error && 'code' in error && error.code === 'ENOTFOUND') return false;
  return true;
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const status = statusOf(error);
  const known = error.message !== '' && error.message !== 'UnknownError' ? error.message : '';
  const name = error.name !== 'Error' && error.name !== 'Unknown' ? error.name : '';
  const text = [name, known].filter((part) => part !== '').join(': ');
  return text === '' ? `status ${status}` : text;
}
