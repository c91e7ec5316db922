// Sends one snapshot over a backup session of its own (sync.md 6, step 7).

import { BackupWriter } from '../backup/writer.ts';
import { toHex } from '../base/bytes.ts';
import { formatUtc } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { formatBytes } from '../base/human.ts';
import { checkBlob } from '../format/blob.ts';
import { parseIndex } from '../format/chunk-index.ts';
import {
  decodeManifestBlob,
  encodeManifestBlob,
  findFile,
  type Manifest,
  type ManifestFile,
} from '../format/manifest.ts';
import type { BackupSnapshot } from '../model/backup.ts';
import { archiveKind, clientLogName, manifestName, maxBlobSize } from '../model/names.ts';
import type { NamespacePair } from './namespace-map.ts';
import type { PushRun } from './push.ts';
import { ChunkPusher } from './push-chunks.ts';
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
  log.log(`${time}: start sync`);
  await using session = await run.target.openBackup(ns.target, snapshot);
  const writer = new BackupWriter(session);
  const previous = push.hasBase ? await previousManifest(writer) : undefined;
  const chunks = new ChunkPusher({ writer, reader, memory: run.memory, signal: run.signal });
  for (const file of manifest.files) await pushFile({ run, log, writer, reader, chunks, previous, time }, file);
  const clientLog = await reader.file(clientLogName, maxBlobSize);
  if (clientLog) {
    checkBlob(clientLog, clientLogName);
    await writer.uploadBlob(clientLogName, clientLog);
    log.log(`${time}: sent backup log file ${clientLogName}`);
  }
  await writer.uploadBlob(manifestName, encodeManifestBlob(manifest));
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

/** What the target has of the snapshot before; without it everything is sent. */
async function previousManifest(writer: BackupWriter): Promise<Manifest | undefined> {
  try {
    return decodeManifestBlob(await writer.previous(manifestName), `previous ${manifestName}`);
  } catch (error) {
    rethrowLost(error);
    return undefined;
  }
}

interface FilePush {
  run: PushRun;
  log: SyncLog;
  writer: BackupWriter;
  reader: SourceReader;
  chunks: ChunkPusher;
  previous: Manifest | undefined;
  time: string;
}

async function pushFile(push: FilePush, file: ManifestFile): Promise<void> {
  const { run, log, writer, reader, chunks } = push;
  const name = `${push.time}/${file.filename}`;
  log.log(`${name}: sync archive`);
  const { raw, index } = await readSourceFile(reader, file);
  if (!index) {
    await writer.uploadBlob(file.filename, raw);
    return;
  }
  await learnPrevious(push, file);
  const start = run.clock.now();
  const sent = await chunks.push(file, index);
  run.statistics.add(sent.chunks, sent.bytes);
  log.log(`${name}: uploaded ${formatBytes(sent.bytes)} (${formatRate(sent.bytes, run.clock.now() - start)})`);
}

/** Registers the chunks of the archive's previous index, if the target has a sound one. */
async function learnPrevious({ writer, chunks, previous, log, time }: FilePush, file: ManifestFile): Promise<void> {
  const before = previous && findFile(previous, file.filename);
  if (!before || archiveKind(before.filename) === 'blob') return;
  try {
    const index = parseIndex(file.filename, await writer.previous(file.filename), `previous ${file.filename}`);
    if (toHex(index.checksum()) === before.csum) chunks.addKnown(index);
  } catch (error) {
    rethrowLost(error);
    log.log(`${time}/${file.filename}: cannot build on the previous one: ${messageOf(error)}`);
  }
}

/** Goes on only after an answer of the target, or one that was no good. */
function rethrowLost(error: unknown): void {
  const survives = error instanceof GranaryError && error.code !== 'connection' && error.code !== 'aborted';
  if (!survives) throw error;
}
