// Takes over one snapshot: files and chunks that are missing, the manifest last (sync.md 4, step 5).

import { bytesEqual } from '../base/bytes.ts';
import { type Clock, formatUtc } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { formatBytes } from '../base/human.ts';
import { type CryptConfig, shortFingerprint } from '../crypto/crypt-config.ts';
import type { GroupImport, SnapshotImport } from '../datastore/group-import.ts';
import { parseVerifyState } from '../datastore/snapshots.ts';
import { checkBlob } from '../format/blob.ts';
import {
  canonicalManifest,
  decodeManifestBlob,
  encodeManifestBlob,
  type Manifest,
  type ManifestFile,
  manifestKeyFingerprint,
  serializeManifest,
} from '../format/manifest.ts';
import type { BackupSnapshot, Namespace } from '../model/backup.ts';
import { clientLogName, manifestName, maxBlobSize } from '../model/names.ts';
import { type ChunkCrypt, unsealFile } from './chunk-crypt.ts';
import type { GroupProgress } from './group-progress.ts';
import type { ChunkPuller } from './pull-chunks.ts';
import {
  type DecryptedPull,
  decryptedFile,
  decryptedManifest,
  decryptionCase,
  type GroupDecryption,
} from './pull-decrypted.ts';
import type { SyncLog } from './run-groups.ts';
import { excludedBy, type StateFilter } from './selection.ts';
import type { SourceReader, SyncSource } from './source.ts';
import { formatRate, type SyncStatistics } from './statistics.ts';
import { checkIdentity, readSourceFile, type Transferred } from './transfer.ts';

export interface SnapshotPull {
  source: SyncSource;
  /** The namespace on the source. */
  ns: Namespace;
  group: GroupImport;
  /** Of the group that the snapshot is in. */
  chunks: ChunkPuller;
  /** Of a run that was given keys. */
  decryption: { keys: ChunkCrypt; group: GroupDecryption } | undefined;
  /** Whether the chunk store is the source's too, so that no chunk has to be copied. */
  sameChunks: boolean;
  filter: StateFilter;
  statistics: SyncStatistics;
  progress: GroupProgress;
  log: SyncLog;
  clock: Clock;
}

export interface SnapshotWish {
  /** The copy here is to be made anew. */
  corrupt: boolean;
  /** It is followed by others, which will have much in common with it. */
  followed: boolean;
}

/** A snapshot that has vanished from the source, or that the filters leave out after all, is no error. */
export async function pullSnapshot(pull: SnapshotPull, snapshot: BackupSnapshot, wish: SnapshotWish): Promise<void> {
  const { corrupt, followed } = wish;
  const { source, ns, group, log } = pull;
  const time = formatUtc(snapshot.time);
  const vanished = (): void => log.log(`${time}: skipped because vanished since start of sync`);
  await using reader = await source.openSnapshot(ns, snapshot);
  if (!reader) return vanished();
  await using local = await group.snapshot(snapshot.time);
  const raw = await reader.file(manifestName, maxBlobSize);
  if (!raw) return vanished();
  const localRaw = await local.rawManifest();
  if (localRaw && !corrupt && bytesEqual(localRaw, raw)) return await unchanged(pull, reader, local, time);
  const manifest = decodeManifestBlob(raw, manifestName);
  checkIdentity(manifest, snapshot);
  const excluded = excludedBy(manifest, pull.filter);
  if (excluded !== undefined) return log.log(`${time}: skipped because it is ${excluded}`);

  const before = localManifest(localRaw, corrupt);
  const decryption = decryptionCase(manifest, before, pull.decryption?.keys, corrupt);
  if (decryption.kind === 'unchanged') {
    const { crypt } = decryption;
    if (before && crypt && followed) await pull.decryption?.group.learn(reader, local, manifest, before);
    if (crypt) await pullClientLog(pull, reader, local, time, crypt);
    return log.log(`${time}: no data changes`);
  }
  if (decryption.kind === 'partly') {
    log.warn(`${time}: only some of its files are encrypted and signed, it is synced as it is`);
  }
  if (decryption.kind === 'decrypt' && pull.decryption) {
    log.log(corrupt ? `re-sync snapshot ${time} due to corruption` : `${time}: start sync`);
    const { crypt } = decryption;
    return await pullDecrypted(pull, pull.decryption.group, local, { time, manifest, reader, crypt, heal: corrupt });
  }
  if (before) checkMayReplace(before, manifest);
  const next = before && !corrupt ? keepVerifyState(before, manifest) : manifest;
  if (before && !corrupt && next !== manifest && bytesEqual(serializeManifest(next), serializeManifest(before))) {
    return await unchanged(pull, reader, local, time);
  }
  if (corrupt) log.log(`re-sync snapshot ${time} due to corruption`);
  else log.log(localRaw ? `re-sync snapshot ${time}` : `${time}: start sync`);
  for (const file of manifest.files) {
    if (!corrupt && (await local.matches(file))) continue;
    await pullFile(pull, reader, local, file, { time, corrupt });
  }
  const names = manifest.files.map(({ filename }) => filename);
  await local.commit(next === manifest ? raw : encodeManifestBlob(next), names);
  await pullClientLog(pull, reader, local, time);
  log.log(`${time}: sync done`);
}

/** All files anew: none that may be left of a broken run can be told from what it should be. */
async function pullDecrypted(
  pull: SnapshotPull,
  group: GroupDecryption,
  local: SnapshotImport,
  o: DecryptedPull & { time: string; manifest: Manifest },
): Promise<void> {
  const { log, clock } = pull;
  const { time, manifest, reader, crypt } = o;
  const files: ManifestFile[] = [];
  for (const file of manifest.files) {
    const name = `${time}/${file.filename}`;
    log.log(`${name}: sync archive`);
    const { raw, index } = await readSourceFile(reader, file);
    let content = raw;
    if (index) {
      const start = clock.now();
      const archive = await group.pullArchive(file, { raw, index }, o, pull.progress.archive(name, index.size));
      content = archive.raw;
      tellDownload(pull, name, archive.moved, clock.now() - start);
    }
    const made = decryptedFile(file, content, crypt);
    await local.writeFile(file.filename, made.raw);
    files.push(made.entry);
  }
  const names = files.map(({ filename }) => filename);
  await local.commit(encodeManifestBlob(decryptedManifest(manifest, files)), names);
  await pullClientLog(pull, reader, local, time, crypt);
  log.log(`${time}: sync done, decrypted with key ${shortFingerprint(crypt.fingerprint)}`);
}

function tellDownload({ statistics, log }: SnapshotPull, name: string, moved: Transferred, milliseconds: number): void {
  const { chunks, bytes } = moved;
  statistics.add(chunks, bytes);
  log.log(`${name}: downloaded ${formatBytes(bytes)} (${formatRate(bytes, milliseconds)})`);
}

async function unchanged(pull: SnapshotPull, reader: SourceReader, local: SnapshotImport, time: string): Promise<void> {
  await pullClientLog(pull, reader, local, time);
  pull.log.log(`${time}: no data changes`);
}

function localManifest(raw: Uint8Array | undefined, corrupt: boolean): Manifest | undefined {
  if (!raw) return undefined;
  try {
    return decodeManifestBlob(raw, 'local manifest');
  } catch (error) {
    if (corrupt) return undefined;
    throw error;
  }
}

/** A copy may only get what is not protected anew (sync.md 4 and 10). */
function checkMayReplace(local: Manifest, source: Manifest): void {
  const [localKey, sourceKey] = [manifestKeyFingerprint(local), manifestKeyFingerprint(source)];
  const refuse = (text: string) => new GranaryError('bad-request', text);
  if (sourceKey === undefined && localKey !== undefined) {
    throw refuse('refusing to overwrite local encrypted snapshot from unencrypted source');
  }
  if (sourceKey !== undefined && localKey !== undefined && localKey !== sourceKey) {
    throw refuse('Local encrypted or signed snapshot with different key detected, refuse to sync');
  }
  if (!bytesEqual(canonicalManifest(local), canonicalManifest(source))) {
    throw refuse('refusing to overwrite local snapshot: content differs from source');
  }
}

/**
 * What verification found out about the copy here stays, as its data are not fetched anew; only a failure on the source
 * takes the place of a success. Without it two sites that verify would each forget their own results.
 */
function keepVerifyState(local: Manifest, source: Manifest): Manifest {
  const [own, theirs] = [local, source].map(({ unprotected }) => parseVerifyState(unprotected['verify_state'])?.state);
  if (own === undefined || (own === 'ok' && theirs === 'failed')) return source;
  return { ...source, unprotected: { ...source.unprotected, verify_state: local.unprotected['verify_state'] } };
}

async function pullFile(
  pull: SnapshotPull,
  reader: SourceReader,
  local: SnapshotImport,
  file: ManifestFile,
  { time, corrupt }: { time: string; corrupt: boolean },
): Promise<void> {
  const name = `${time}/${file.filename}`;
  pull.log.log(`${name}: sync archive`);
  const { raw, index } = await readSourceFile(reader, file);
  if (index && !pull.sameChunks) {
    const start = pull.clock.now();
    const onPosition = pull.progress.archive(name, index.size);
    const kind = file['crypt-mode'] === 'encrypt' ? 'encrypted' : 'plain';
    const moved = await pull.chunks.pull({ reader, index, kind, heal: corrupt, onPosition });
    tellDownload(pull, name, moved, pull.clock.now() - start);
  }
  await local.writeFile(file.filename, raw);
}

/** The log may come long after the backup, or never; no failure here matters. */
async function pullClientLog(
  { log }: SnapshotPull,
  reader: SourceReader,
  local: SnapshotImport,
  time: string,
  crypt?: CryptConfig,
): Promise<void> {
  if (local.hasFile(clientLogName)) return;
  try {
    const raw = await reader.file(clientLogName, maxBlobSize);
    if (!raw) return;
    const { encrypted } = checkBlob(raw, clientLogName);
    await local.writeFile(clientLogName, encrypted && crypt ? unsealFile(clientLogName, raw, crypt) : raw);
    log.log(`${time}: got backup log file ${clientLogName}`);
  } catch (error) {
    log.log(`${time}: no backup log file: ${messageOf(error)}`);
  }
}
