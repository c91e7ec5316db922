// Content for backup sessions in tests: chunks that can be told apart, index checksums, manifests, whole backups.

import { createCipheriv, createHash } from 'node:crypto';
import { GranaryError } from '../../base/errors.ts';
import { encodeBlob } from '../../format/blob.ts';
import { encodeManifestBlob, type ManifestFile } from '../../format/manifest.ts';
import type { BackupType } from '../../model/names.ts';
import type { H2Session, RequestOptions } from '../../wire/h2-client.ts';

export const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export interface TestChunk {
  data: Buffer;
  digest: string;
  blob: Uint8Array;
}

/** `size` bytes that follow from `seed` and do not compress. */
export function noise(seed: string, size: number): Buffer {
  const key = sha256(Buffer.from(seed)).subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

export function chunkOf(data: Uint8Array, options: { compress?: boolean } = {}): TestChunk {
  return { data: Buffer.from(data), digest: sha256(data).toString('hex'), blob: encodeBlob(data, options) };
}

/** A chunk whose content follows from `seed`. */
export const makeChunk = (seed: string, size = 1000): TestChunk => chunkOf(noise(seed, size));

/** The checksum of a dynamic index that has these chunks one after the other. */
export function dynamicChecksum(chunks: readonly TestChunk[]): string {
  const hash = createHash('sha256');
  let end = 0;
  for (const { data, digest } of chunks) {
    end += data.length;
    const entry = Buffer.alloc(40);
    entry.writeBigUInt64LE(BigInt(end));
    entry.write(digest, 8, 'hex');
    hash.update(entry);
  }
  return hash.digest('hex');
}

export function fixedChecksum(digests: readonly string[]): string {
  return sha256(...digests.map((digest) => Buffer.from(digest, 'hex'))).toString('hex');
}

export function chunkQuery(wid: number, chunk: TestChunk): Record<string, string | number> {
  return { wid, digest: chunk.digest, size: chunk.data.length, 'encoded-size': chunk.blob.length };
}

/** A request that is refused: status and text. */
export async function refused(
  session: H2Session,
  method: string,
  path: string,
  options: RequestOptions = {},
): Promise<string> {
  try {
    const data = await session.request(method, path, options);
    return `not refused: ${JSON.stringify(data)}`;
  } catch (error) {
    if (error instanceof GranaryError) return `${error.status} ${error.message}`;
    throw error;
  }
}

/** Uploads chunks into a new dynamic index and closes it. */
export async function uploadDynamic(
  session: H2Session,
  name: string,
  chunks: readonly TestChunk[],
): Promise<ManifestFile> {
  const wid = Number(await session.request('POST', 'dynamic_index', { query: { 'archive-name': name } }));
  for (const chunk of new Set(chunks)) {
    await session.request('POST', 'dynamic_chunk', { query: chunkQuery(wid, chunk), body: chunk.blob });
  }
  return await appendAndClose(session, name, wid, chunks);
}

/** Names chunks that the server knows in an open dynamic index, and closes it. */
export async function appendAndClose(
  session: H2Session,
  name: string,
  wid: number,
  chunks: readonly TestChunk[],
): Promise<ManifestFile> {
  let size = 0;
  const offsets = chunks.map(({ data }) => {
    size += data.length;
    return size - data.length;
  });
  const digests = chunks.map(({ digest }) => digest);
  await session.request('PUT', 'dynamic_index', { json: { wid, 'digest-list': digests, 'offset-list': offsets } });
  const csum = dynamicChecksum(chunks);
  await session.request('POST', 'dynamic_close', { query: { wid, 'chunk-count': chunks.length, size, csum } });
  return { filename: name, 'crypt-mode': 'none', size, csum };
}

export async function uploadBlob(session: H2Session, name: string, data: Uint8Array): Promise<ManifestFile> {
  const raw = encodeBlob(data);
  const query = { 'file-name': name, 'encoded-size': raw.length };
  await session.request('POST', 'blob', { query, body: raw });
  return { filename: name, 'crypt-mode': 'none', size: raw.length, csum: sha256(raw).toString('hex') };
}

export interface SnapshotName {
  type?: BackupType;
  id: string;
  time: number;
}

export function manifestBlob({ type = 'host', id, time }: SnapshotName, files: ManifestFile[]): Uint8Array {
  return encodeManifestBlob({ type, id, time, files, signature: null, unprotected: {} });
}

export async function uploadManifest(session: H2Session, name: SnapshotName, files: ManifestFile[]): Promise<void> {
  const body = manifestBlob(name, files);
  const query = { 'file-name': 'index.json.blob', 'encoded-size': body.length };
  await session.request('POST', 'blob', { query, body });
}

/** What opens sessions: `SessionServer`, or a test's own way to a server in another process. */
export interface SessionOpener {
  backup(params: Record<string, string | number | boolean | undefined>): Promise<H2Session>;
}

/** A whole backup: archive `root.pxar.didx` of these chunks, a blob, the manifest. */
export async function runBackup(
  server: SessionOpener,
  name: SnapshotName & { ns?: string },
  chunks: readonly TestChunk[],
): Promise<void> {
  const { type = 'host', id, time, ns } = name;
  const session = await server.backup({ ns, 'backup-type': type, 'backup-id': id, 'backup-time': time });
  try {
    const files = [
      await uploadDynamic(session, 'root.pxar.didx', chunks),
      await uploadBlob(session, 'host.conf.blob', Buffer.from(`name: ${id}\n`)),
    ];
    await uploadManifest(session, name, files);
    await session.request('POST', 'finish');
  } finally {
    await session.close();
  }
}
