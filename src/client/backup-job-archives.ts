// How each kind of source of a backup gets to the server: trees, images, small files, the sealed key
// (backup-protocol.md 10.1, pxar.md 13, formats.md 8.1, 9).

import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { epochSeconds } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import { formatBytes } from '../base/human.ts';
import { quotePath } from '../base/quote.ts';
import { throwIfAborted } from '../base/streams.ts';
import { encodeBlob } from '../format/blob.ts';
import { encryptedKeyName, maxChunkSize, storedArchiveName } from '../model/names.ts';
import type { BackupRun } from './backup-job.ts';
import { type BackupSource, imageSize } from './backup-source.ts';
import type { ArchiveResult, ArchiveUpload, UploadProgress } from './upload.ts';
import { archiveTree } from './walk.ts';

/** Bytes of content of all archives together. */
export interface ArchiveTotals {
  size: number;
  uploaded: number;
  /** Encoded bytes of what was uploaded. */
  stored: number;
  reused: number;
}

/** Uploads a tree as `NAME.pxar`, or split as `NAME.mpxar` and `NAME.ppxar`. */
export async function uploadTree(run: BackupRun, source: BackupSource): Promise<void> {
  const { o } = run;
  const common = {
    patterns: o.patterns,
    includeDevices: o.includeDevices,
    skipLostAndFound: o.skipLostAndFound,
    skipE2big: o.skipE2big,
    entriesMax: o.entriesMax,
    signal: o.signal,
    onWarning: (path: Uint8Array, text: string) => o.reporter.message(`warning: ${quotePath(path)}: ${text}`),
  };
  if (o.changeDetection === 'legacy') {
    const stored = storedArchiveName(source.name);
    tellUpload(run, 'directory', source.path, stored);
    const previous = await run.previous?.index(stored);
    const archive = await run.engine.openDynamic(stored, { average: o.chunkAverage, ...known(previous) });
    using _progress = showProgress(run, source.name, previous?.size);
    const { catalog } = run;
    await archiveTree(source.path, {
      ...common,
      archive,
      archiveName: stored,
      ...(catalog ? { catalog: catalog.writer } : {}),
    });
    await finishArchive(run, source.name, archive);
    return;
  }
  await uploadSplitTree(run, source, common);
}

async function uploadSplitTree(
  run: BackupRun,
  source: BackupSource,
  common: Omit<Parameters<typeof archiveTree>[1], 'archive'>,
): Promise<void> {
  const { o } = run;
  const [metaName, payloadName] = [`${source.base}.mpxar`, `${source.base}.ppxar`];
  const [metaStored, payloadStored] = [storedArchiveName(metaName), storedArchiveName(payloadName)];
  tellUpload(run, 'directory', source.path, metaStored);
  const [payloadIndex, metaIndex, metadata] = await Promise.all([
    run.previous?.index(payloadStored),
    run.previous?.index(metaStored),
    o.changeDetection === 'metadata' ? run.previous?.archive(metaStored) : undefined,
  ]);
  const previous = metadata && payloadIndex ? { metadata, payloadIndex } : undefined;
  const average = o.chunkAverage;
  const archive = await run.engine.openDynamic(metaStored, { average, ...known(metaIndex) });
  const payload = await run.engine.openDynamic(payloadStored, { average, ...known(payloadIndex) });
  using _progress = showProgress(run, source.name, payloadIndex?.size);
  await archiveTree(source.path, { ...common, archive, payload, ...(previous ? { previous } : {}) });
  await finishArchive(run, payloadName, payload);
  await finishArchive(run, metaName, archive);
}

/** Longest single read of an image: short enough for the event loop. */
const maxRead = 4 * 1024 * 1024;

/** Uploads a file, block device or pipe as it is. A file that changes its size meanwhile is an error. */
export async function uploadImage(run: BackupRun, source: BackupSource): Promise<void> {
  const stored = storedArchiveName(source.name);
  tellUpload(run, 'image', source.path, stored);
  const size = await imageSize(source.path);
  if (size === 0) throw new GranaryError('bad-request', `'${source.path}' is empty: an image needs content`);
  const image = await run.engine.openFixed(stored, {
    ...(size === undefined ? {} : { size }),
    ...known(await run.previous?.index(stored)),
  });
  using _progress = showProgress(run, source.name, size);
  let file: FileHandle;
  try {
    file = await open(source.path, 'r');
  } catch (error) {
    throw new GranaryError('io', `cannot open '${source.path}': ${messageOf(error)}`, { cause: error });
  }
  try {
    await copyImage(file, size, image, source.path, run.o.signal);
  } finally {
    await file.close();
  }
  await finishArchive(run, source.name, image);
}

async function copyImage(
  file: FileHandle,
  size: number | undefined,
  image: ArchiveUpload,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  let at = 0;
  while (size === undefined || at < size) {
    throwIfAborted(signal);
    const room = await image.reserve(size === undefined ? maxRead : Math.min(maxRead, size - at));
    let read: number;
    try {
      read = (await file.read(room, 0, room.byteLength, null)).bytesRead;
    } catch (error) {
      throw new GranaryError('io', `cannot read '${path}' at ${at}: ${messageOf(error)}`, { cause: error });
    }
    if (read === 0) break;
    image.commit(read);
    at += read;
  }
  if (size !== undefined && at < size) {
    throw new GranaryError('io', `'${path}' became shorter while it was read: ${at} of ${size} bytes`);
  }
  if (at === 0) throw new GranaryError('bad-request', `'${path}' is empty: an image needs content`);
}

/** Uploads a small file as a blob. */
export async function uploadBlobFile(run: BackupRun, source: BackupSource): Promise<void> {
  const stored = storedArchiveName(source.name);
  tellUpload(run, source.kind === 'log' ? 'log file' : 'config file', source.path, stored);
  const data = await readFile(source.path).catch((error: unknown) => {
    throw new GranaryError('io', `cannot read '${source.path}': ${messageOf(error)}`, { cause: error });
  });
  if (data.byteLength > maxChunkSize) {
    throw new GranaryError('bad-request', `'${source.path}' is larger than ${formatBytes(maxChunkSize)}`, {
      details: { hint: 'Large files belong into an archive of type img or pxar.' },
    });
  }
  const { keys, compress, level } = run.o;
  const crypt = keys.mode === 'encrypt' ? keys.key?.crypt : undefined;
  await uploadBlob(run, stored, encodeBlob(data, { compress, level, ...(crypt ? { crypt } : {}) }));
}

/** With a master key: the encryption key, sealed for it, goes into the backup. */
export async function uploadKey(run: BackupRun): Promise<void> {
  const { keys, clock, reporter } = run.o;
  if (!keys.master || !keys.key) return;
  const { wrapKey } = await import('../crypto/master-key.ts');
  reporter.message(`Upload RSA encoded key to '${run.shownRepository}' as ${encryptedKeyName}`);
  const sealed = wrapKey(keys.master.pem, keys.key.key, keys.key.created, epochSeconds(clock));
  await uploadBlob(run, encryptedKeyName, encodeBlob(sealed, { compress: false }));
}

async function uploadBlob(run: BackupRun, stored: string, raw: Uint8Array): Promise<void> {
  await run.writer.uploadBlob(stored, raw);
  const csum = createHash('sha256').update(raw).digest('hex');
  run.files.push({ filename: stored, 'crypt-mode': run.o.keys.mode, size: raw.byteLength, csum });
}

const known = <T>(index: T | undefined): { known?: T } => (index === undefined ? {} : { known: index });

function tellUpload(run: BackupRun, what: string, path: string, stored: string): void {
  run.o.reporter.message(`Upload ${what} '${path}' to '${run.shownRepository}' as ${stored}`);
}

/**
 * Shows how far this archive is: the engine counts all archives together, so what was before is taken off. Of a tree
 * nobody knows the size beforehand; that of last time is a good guess.
 */
function showProgress(run: BackupRun, label: string, total: number | undefined): Disposable {
  const before = run.engine.progress();
  return run.o.reporter.progress(label, total, (): UploadProgress => {
    const now = run.engine.progress();
    return {
      processed: now.processed - before.processed,
      uploaded: now.uploaded - before.uploaded,
      reused: now.reused - before.reused,
      encoded: now.encoded - before.encoded,
    };
  });
}

/** What is reused below this size is not worth a line. */
const incrementalSize = 1024 * 1024;

async function finishArchive(run: BackupRun, name: string, archive: ArchiveUpload): Promise<void> {
  const result = await archive.finish();
  run.files.push({
    filename: archive.name,
    'crypt-mode': run.o.keys.mode,
    size: result.size,
    csum: result.csum,
  });
  tellResult(run, name, result);
  const { totals } = run;
  totals.size += result.size;
  totals.uploaded += result.uploadedBytes;
  totals.stored += result.storedBytes;
  totals.reused += result.reusedBytes + result.injectedBytes;
}

function tellResult(run: BackupRun, name: string, result: ArchiveResult): void {
  const { message } = run.o.reporter;
  const tell = (text: string): void => message.call(run.o.reporter, `${name}: ${text}`);
  const speed = result.seconds > 0 ? result.uploadedBytes / result.seconds : 0;
  tell(
    `had to backup ${formatBytes(result.uploadedBytes)} of ${formatBytes(result.size)} ` +
      `(compressed ${formatBytes(result.storedBytes)}) in ${result.seconds.toFixed(2)}s`,
  );
  tell(`average backup speed: ${formatBytes(Math.round(speed))}/s`);
  if (result.injectedBytes > 0) {
    tell(
      `reused ${formatBytes(result.injectedBytes)} from previous snapshot for unchanged files (${result.injectedChunks} chunks)`,
    );
  }
  if (result.reusedBytes >= incrementalSize) {
    const percent = ((result.reusedBytes / result.size) * 100).toFixed(1);
    tell(`backup was done incrementally, reused ${formatBytes(result.reusedBytes)} (${percent}%)`);
  }
}
