// Explains one file of the product: data blob, chunk, index, manifest, catalog, archive, key file or master key.
// `npm run inspect FILE [--keyfile KEY]`; the file's kind is told from its content, not from its name.

import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { asBuffer, bytesEqual, toHex } from '../src/base/bytes.ts';
import { formatUtc } from '../src/base/clock.ts';
import { GranaryError, messageOf, withContext } from '../src/base/errors.ts';
import { formatBytes } from '../src/base/human.ts';
import { MemoryReadAt } from '../src/base/io.ts';
import { CryptConfig, plainDigest } from '../src/crypto/crypt-config.ts';
import { kdfName, openKeyFile, parseKeyFile } from '../src/crypto/key-file.ts';
import { describePublicKey } from '../src/crypto/master-key.ts';
import { blobInfo, decodeBlob, isBlob } from '../src/format/blob.ts';
import { catalogMagic } from '../src/format/catalog.ts';
import { CatalogReader, formatCatalogLine } from '../src/format/catalog-reader.ts';
import type { ChunkIndex } from '../src/format/chunk-index.ts';
import { dynamicIndexMagic, parseDynamicIndex } from '../src/format/dynamic-index.ts';
import { type FixedIndex, fixedIndexMagic, parseFixedIndex } from '../src/format/fixed-index.ts';
import { manifestKeyFingerprint, parseManifest, verifyManifest } from '../src/format/manifest.ts';
import { encryptedKeyName } from '../src/model/names.ts';
import { inspectArchive, isArchive } from './inspect-archive.ts';

const usage = 'usage: npm run inspect FILE [-- --keyfile KEY]   (passphrase: PBS_ENCRYPTION_PASSWORD)';

/** The explanation, line by line; throws `GranaryError` for damage, after what could be told before it. */
export async function* inspectFile(path: string, crypt?: CryptConfig): AsyncGenerator<string> {
  const fd = readable(path, () => openSync(path, 'r'));
  try {
    const { size } = fstatSync(fd);
    const head = new Uint8Array(Math.min(16, size));
    readable(path, () => readSync(fd, head, 0, head.byteLength, 0));
    yield `${path}: ${size} bytes`;
    if (isArchive(head)) yield* inspectArchive(fd, size, path);
    else yield* inspectBytes(readFileSync(fd), path, crypt);
  } finally {
    closeSync(fd);
  }
}

function readable<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw withContext(path, error);
  }
}

async function* inspectBytes(bytes: Uint8Array, path: string, crypt?: CryptConfig): AsyncGenerator<string> {
  const startsWith = (magic: Uint8Array): boolean => bytesEqual(bytes.subarray(0, magic.byteLength), magic);
  if (isBlob(bytes)) yield* inspectBlob(bytes, path, crypt);
  else if (startsWith(fixedIndexMagic)) yield* inspectIndex(parseFixedIndex(bytes, path), bytes);
  else if (startsWith(dynamicIndexMagic)) yield* inspectIndex(parseDynamicIndex(bytes, path), bytes);
  else if (startsWith(catalogMagic)) yield* inspectCatalog(bytes, path);
  else yield* inspectText(bytes, path, crypt);
}

const row = (label: string, value: string | number): string => `${label.padEnd(16)}${value}`;
const verdict = (right: boolean): string => (right ? 'right' : 'WRONG');
const crcText = (crc: number): string => crc.toString(16).padStart(8, '0');

async function* inspectBlob(raw: Uint8Array, path: string, crypt?: CryptConfig): AsyncGenerator<string> {
  const info = blobInfo(raw, path);
  const name = basename(path);
  yield row(
    'kind',
    `data blob, ${info.encrypted ? 'encrypted' : 'plain'}, ${info.compressed ? 'zstd' : 'not compressed'}`,
  );
  yield row(
    'CRC',
    `${crcText(info.crc)}, computed ${crcText(info.computedCrc)}: ${verdict(info.crc === info.computedCrc)}`,
  );
  if (info.encrypted) {
    yield row('IV', toHex(raw.subarray(12, 28)));
    yield row('tag', toHex(raw.subarray(28, 44)));
  }
  yield row('SHA-256', `${toHex(plainDigest(raw))} of the file: its csum in a manifest`);
  if (info.encrypted && !crypt) {
    yield row('content', 'needs the key: --keyfile');
    return;
  }
  const content = decodeBlob(raw, { what: path, crypt });
  const digest = toHex(info.encrypted && crypt ? crypt.digest(content) : plainDigest(content));
  yield row('content', `${content.byteLength} bytes (${formatBytes(content.byteLength)})`);
  const chunkName = /^([0-9a-f]{64})(\.\d\.bad)?$/.exec(name)?.[1];
  yield row(
    'digest',
    digest + (chunkName === undefined ? '' : `, as the file name says: ${verdict(chunkName === digest)}`),
  );
  if (name === encryptedKeyName) yield row('holds', 'an encryption key, sealed for the master key (RSA)');
  else if (content[0] === 0x7b) yield* orNothing(inspectText(content, path, crypt));
}

/** What a blob holds need not be anything this program knows. */
async function* orNothing(lines: AsyncGenerator<string>): AsyncGenerator<string> {
  try {
    yield* lines;
  } catch (error) {
    if (!(error instanceof GranaryError)) throw error;
    yield row('holds', `something else than a manifest (${error.message})`);
  }
}

async function* inspectIndex(index: ChunkIndex | FixedIndex, bytes: Uint8Array): AsyncGenerator<string> {
  const computed = index.checksum();
  const stored = bytes.subarray(32, 64);
  yield row('kind', `${index.kind} index`);
  if ('chunkSize' in index) yield row('chunk size', `${index.chunkSize} (${formatBytes(index.chunkSize)})`);
  yield row('UUID', toHex(index.uuid));
  yield row('created', `${formatUtc(index.ctime)} (${index.ctime})`);
  yield row('content', `${index.size} bytes (${formatBytes(index.size)})`);
  yield row(
    'checksum',
    `${toHex(computed)}: its csum in a manifest; in the header: ${verdict(bytesEqual(stored, computed))}`,
  );
  const distinct = new Set<string>();
  for (let i = 0; i < index.count; i++) distinct.add(asBuffer(index.digestAt(i)).toString('latin1'));
  yield row('chunks', `${index.count}, ${distinct.size} different`);
  for (let i = 0; i < index.count; i++) {
    const [start, end] = [index.startOf(i), index.endOf(i)];
    yield `  ${String(i).padStart(6)} ${String(start).padStart(14)} ${String(end - start).padStart(9)} ${toHex(index.digestAt(i))}`;
  }
}

async function* inspectCatalog(bytes: Uint8Array, path: string): AsyncGenerator<string> {
  yield row('kind', 'catalog');
  const reader = new CatalogReader(new MemoryReadAt(bytes), path);
  yield row('root block', (await reader.root()).block);
  for await (const { path: entryPath, entry } of reader.walk()) yield formatCatalogLine(entryPath, entry);
}

async function* inspectText(bytes: Uint8Array, path: string, crypt?: CryptConfig): AsyncGenerator<string> {
  const text = asBuffer(bytes).toString();
  const pem = /^-----BEGIN ([A-Z ]+)-----\r?\n/.exec(text)?.[1];
  if (pem !== undefined) yield* inspectPem(pem, text, path);
  else if (/^\s*\{\s*"kdf"/.test(text)) yield* inspectKeyFile(text, path);
  else if (/^\s*\{/.test(text) && text.includes('"backup-id"')) yield* inspectManifest(bytes, path, crypt);
  else {
    const start = toHex(bytes.subarray(0, 8));
    throw new GranaryError(
      'bad-request',
      `${path}: no file that this program knows; it starts with ${start || 'nothing'}`,
    );
  }
}

async function* inspectManifest(bytes: Uint8Array, path: string, crypt?: CryptConfig): AsyncGenerator<string> {
  const manifest = parseManifest(bytes, path);
  yield row('kind', 'manifest');
  yield row('snapshot', `${manifest.type}/${manifest.id}/${formatUtc(manifest.time)}`);
  yield row('key', manifestKeyFingerprint(manifest) ?? 'none');
  if (manifest.signature === null) yield row('signature', 'none');
  else if (!crypt) yield row('signature', `${manifest.signature}, not checked: needs --keyfile`);
  else {
    verifyManifest(manifest, crypt);
    yield row('signature', `${manifest.signature}: right`);
  }
  for (const file of manifest.files) {
    yield row('file', `${file.filename}  ${file['crypt-mode']}  ${file.size} bytes  ${file.csum}`);
  }
  for (const [key, value] of Object.entries(manifest.unprotected))
    yield row('unprotected', `${key}: ${JSON.stringify(value)}`);
  for (const key of Object.keys(manifest.extra ?? {})) yield row('unknown', key);
}

async function* inspectKeyFile(text: string, path: string): AsyncGenerator<string> {
  const keyFile = parseKeyFile(text, path);
  yield row('kind', 'key file');
  yield row('kdf', `${kdfName(keyFile.kdf)} ${JSON.stringify(keyFile.kdf)}`);
  yield row('created', formatUtc(keyFile.created));
  yield row('modified', formatUtc(keyFile.modified));
  yield row('fingerprint', keyFile.fingerprint ?? 'not stated');
  if (keyFile.hint !== undefined) yield row('hint', JSON.stringify(keyFile.hint));
  if (keyFile.kdf !== null) return;
  const { fingerprint } = await openKeyFile(keyFile, async () => '');
  yield row('key', `not protected, fingerprint ${fingerprint}: right`);
}

async function* inspectPem(label: string, text: string, path: string): AsyncGenerator<string> {
  if (label === 'PUBLIC KEY' || label === 'RSA PUBLIC KEY') {
    const facts = describePublicKey(text);
    yield row('kind', 'master public key, RSA');
    yield row('length', `${facts.length} bits`);
    yield row('exponent', facts.exponent);
    yield row('modulus', facts.modulus);
  } else if (label === 'ENCRYPTED PRIVATE KEY' || label === 'RSA PRIVATE KEY' || label === 'PRIVATE KEY') {
    yield row('kind', `private key (${label})`);
    const locked = label === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type: .*ENCRYPTED/m.test(text);
    yield row('passphrase', locked ? 'needed' : 'NOT PROTECTED');
  } else {
    throw new GranaryError('bad-request', `${path}: PEM of ${label} is no file that this program knows`);
  }
}

async function loadKey(path: string): Promise<CryptConfig> {
  const { key } = await openKeyFile(
    parseKeyFile(
      readable(path, () => readFileSync(path, 'utf8')),
      path,
    ),
    async () => {
      const passphrase = process.env['PBS_ENCRYPTION_PASSWORD'];
      if (passphrase === undefined)
        throw new GranaryError('usage', `${path} has a passphrase: set PBS_ENCRYPTION_PASSWORD`);
      return passphrase;
    },
  );
  return CryptConfig.fromKey(key);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: { keyfile: { type: 'string' } }, allowPositionals: true });
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0) throw new GranaryError('usage', usage);
  const crypt = values.keyfile === undefined ? undefined : await loadKey(values.keyfile);
  for await (const line of inspectFile(path, crypt)) console.log(line);
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    console.error(`Error: ${messageOf(error)}`);
    process.exitCode = 1;
  });
}
