// Sends one snapshot over a backup session of its own (sync.md 6, step 7).

import { BackupWriter } from '../backup/writer.ts';
import { toHex } from '../base/bytes.ts';
import { formatUtc } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { formatBytes } from '../base/human.ts';
import type { CryptConfig } from '../crypto/crypt-config.ts';
import { checkBlob } from '../format/blob.ts';
import { type ChunkIndex, parseIndex } from '../format/chunk-index.ts';
import {
  decodeManifestBlob,
  encodeManifestBlob,
  findFile,
  type Manifest,
  type ManifestFile,
  manifestKeyFingerprint,
} from '../format/manifest.ts';
import type { BackupSnapshot } from '../model/backup.ts';
import { clientLogName, manifestName, maxBlobSize } from '../model/names.ts';
import type { DigestPairs } from './digest-pairs.ts';
import type { GroupProgress } from './group-progress.ts';
import type { NamespacePair } from './namespace-map.ts';
import type { PushRun } from './push.ts';
import { ChunkPusher } from './push-chunks.ts';
import { encryptionOf, type GroupEncryption, isMadeFrom, SnapshotEncryptor } from './push-encrypted.ts';
import type { SyncLog } from './run-groups.ts';
import { excludedBy } from './selection.ts';
import type { SourceReader } from './source.ts';
import { formatRate } from './statistics.ts';
import { checkIdentity, readSourceFile } from './transfer.ts';

export interface SnapshotPush {
  ns: NamespacePair;
  snapshot: BackupSnapshot;
  /** Whether the group on the target has a snapshot that this one can build on. */
  hasBase: boolean;
  encryption: GroupEncryption | undefined;
  progress: GroupProgress;
  log: SyncLog;
}

/**
 * True when the target has it now. One that has vanished, cannot be read or is left out by the filters after all is
 * passed over; anything else throws, and leaves nothing on the target that could be seen.
 */
export async function pushSnapshot(run: PushRun, push: SnapshotPush): Promise<boolean> {
  const { ns, snapshot, log } = push;
  const time = formatUtc(snapshot.time);
  await using reader = await run.source.openSnapshot(ns.source, snapshot);
  if (!reader) {
    log.log(`${time}: skipped because vanished since start of sync`);
    return false;
  }
  let manifest: Manifest;
  try {
    manifest = await readManifest(reader, snapshot);
  } catch (error) {
    log.warn(`${time}: skipped because its manifest cannot be read: ${messageOf(error)}`);
    return false;
  }
  const excluded = excludedBy(manifest, run.parameters);
  if (excluded !== undefined) {
    log.log(`${time}: skipped because it is ${excluded}`);
    return false;
  }
  const form = push.encryption && encryptionOf(manifest);
  if (form === 'mixed') {
    log.warn(`${time}: skipped because only some of its files are encrypted, and a key is to encrypt the others`);
    return false;
  }
  log.log(`${time}: start sync`);
  await using session = await run.target.openBackup(ns.target, snapshot);
  const writer = new BackupWriter(session);
  const way = { writer, reader, memory: run.memory, signal: run.signal };
  const encryption = form === 'encrypt' ? push.encryption : undefined;
  const encryptor = encryption && new SnapshotEncryptor({ ...way, ...encryption });
  const previous = push.hasBase ? await previousManifest(writer, encryption?.crypt) : undefined;
  await using base = encryption && previous && (await openBase(run, push, previous, encryption));
  const chunks = new ChunkPusher(way);
  const { progress } = push;
  const file: FilePush = { run, log, progress, writer, reader, chunks, encryptor, previous, base, time };
  for (const one of manifest.files) await pushFile(file, one);
  const clientLog = await reader.file(clientLogName, maxBlobSize);
  if (clientLog) {
    checkBlob(clientLog, clientLogName);
    if (encryptor) await encryptor.pushBlob(clientLogName, clientLog);
    else await writer.uploadBlob(clientLogName, clientLog);
    log.log(`${time}: sent backup log file ${clientLogName}`);
  }
  await writer.uploadBlob(manifestName, encodeManifestBlob(encryptor?.manifest(manifest) ?? manifest));
  await writer.finish();
  log.log(`${time}: sync done`);
  return true;
}

async function readManifest(reader: SourceReader, snapshot: BackupSnapshot): Promise<Manifest> {
  const raw = await reader.file(manifestName, maxBlobSize);
  if (!raw) throw new GranaryError('not-found', `there is no ${manifestName}`);
  const manifest = decodeManifestBlob(raw, manifestName);
  checkIdentity(manifest, snapshot);
  return manifest;
}

/** What the target has of the snapshot before; without it, or when it has another key, everything is sent. */
async function previousManifest(writer: BackupWriter, crypt: CryptConfig | undefined): Promise<Manifest | undefined> {
  try {
    const manifest = decodeManifestBlob(await writer.previous(manifestName), `previous ${manifestName}`);
    return crypt && manifestKeyFingerprint(manifest) !== crypt.fingerprint ? undefined : manifest;
  } catch (error) {
    rethrowLost(error);
    return undefined;
  }
}

/**
 * The snapshot here that the target's last one was made from, if it still is here: together they tell what its chunks
 * are called when they are encrypted, so that those are not read again to find out.
 */
class EncryptionBase implements AsyncDisposable {
  readonly #reader: SourceReader;
  readonly #manifest: Manifest;
  readonly #names: DigestPairs;

  constructor(reader: SourceReader, manifest: Manifest, names: DigestPairs) {
    this.#reader = reader;
    this.#manifest = manifest;
    this.#names = names;
  }

  /** `made` is the target's index of that archive, which its manifest was found to mean. */
  async learn(filename: string, made: ChunkIndex): Promise<void> {
    const file = findFile(this.#manifest, filename);
    if (!file) return;
    try {
      const { index } = await readSourceFile(this.#reader, file);
      if (index) this.#names.learn(index, made);
    } catch (error) {
      // A damaged index here teaches nothing; what is pushed is another snapshot.
      if (!(error instanceof GranaryError)) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }
}

/** Once for a group: from its second snapshot on the run knows by itself. */
async function openBase(
  run: PushRun,
  { ns, snapshot }: SnapshotPush,
  previous: Manifest,
  encryption: GroupEncryption,
): Promise<EncryptionBase | undefined> {
  if (encryption.learnt) return undefined;
  encryption.learnt = true;
  const before = { ...snapshot, time: previous.time };
  let reader: SourceReader | undefined;
  try {
    reader = await run.source.openSnapshot(ns.source, before);
    if (!reader) return undefined;
    const manifest = await readManifest(reader, before);
    if (isMadeFrom(previous, manifest, encryption.crypt)) return new EncryptionBase(reader, manifest, encryption.names);
  } catch (error) {
    // It is being removed, or cannot be read: then everything is read once more.
    if (!(error instanceof GranaryError)) throw error;
  }
  await reader?.[Symbol.asyncDispose]();
  return undefined;
}

interface FilePush {
  run: PushRun;
  log: SyncLog;
  progress: GroupProgress;
  writer: BackupWriter;
  reader: SourceReader;
  chunks: ChunkPusher;
  encryptor: SnapshotEncryptor | undefined;
  previous: Manifest | undefined;
  base: EncryptionBase | undefined;
  time: string;
}

async function pushFile(push: FilePush, file: ManifestFile): Promise<void> {
  const { run, log, writer, reader, chunks, encryptor } = push;
  const name = `${push.time}/${file.filename}`;
  log.log(`${name}: sync archive`);
  const { raw, index } = await readSourceFile(reader, file);
  if (!index) {
    if (encryptor) await encryptor.pushBlob(file.filename, raw, file);
    else await writer.uploadBlob(file.filename, raw);
    return;
  }
  const known = await previousIndex(push, file);
  if (known) await push.base?.learn(file.filename, known);
  const start = run.clock.now();
  const sent = await (encryptor ?? chunks).pushIndex(file, { index, known }, push.progress.archive(name, index.size));
  run.statistics.add(sent.chunks, sent.bytes);
  log.log(`${name}: uploaded ${formatBytes(sent.bytes)} (${formatRate(sent.bytes, run.clock.now() - start)})`);
}

/** The archive's index in the snapshot before, if the target has a sound one; its chunks may be named then. */
async function previousIndex(
  { writer, previous, log, time }: FilePush,
  file: ManifestFile,
): Promise<ChunkIndex | undefined> {
  const before = previous && findFile(previous, file.filename);
  if (!before) return undefined;
  try {
    const index = parseIndex(file.filename, await writer.previous(file.filename), `previous ${file.filename}`);
    return toHex(index.checksum()) === before.csum ? index : undefined;
  } catch (error) {
    rethrowLost(error);
    log.log(`${time}/${file.filename}: cannot build on the previous one: ${messageOf(error)}`);
    return undefined;
  }
}

/** Goes on only after an answer of the target, or one that was no good. */
function rethrowLost(error: unknown): void {
  const survives = error instanceof GranaryError && error.code !== 'connection' && error.code !== 'aborted';
  if (!survives) throw error;
}
