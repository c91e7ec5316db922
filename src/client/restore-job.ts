// One restore: a tree into a directory, an image or small file into a file, anything to a stream
// (cli.md 4, backup-protocol.md 10.3).

import type { Stats } from 'node:fs';
import { type FileHandle, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { quotePath } from '../base/quote.ts';
import { archiveKind } from '../model/names.ts';
import { temporaryName } from '../os/atomic-file.ts';
import type { Pattern } from '../pxar/patterns.ts';
import { ArchiveEvents } from './archive-events.ts';
import { type ExtractOptions, type ExtractSummary, extractArchive, extractEvents } from './extract.ts';
import { type JoinSink, joinSplitArchive } from './join-archive.ts';
import type { SnapshotReader, TreeArchive } from './snapshot-reader.ts';

/** Who is told what goes on, and takes what is restored to a stream. */
export interface RestoreReporter {
  message(line: string): void;
  /** Long work begins; ends when disposed. `state` gives the bytes that are done. */
  progress(label: string, total: number, state: () => number): Disposable;
  /** Settles when the bytes are taken. */
  output(bytes: Uint8Array): Promise<void>;
}

export interface RestoreJobOptions {
  snapshot: SnapshotReader;
  /** As the user names it: `root.pxar`, `disk.img`, `index.json`, or the stored name. */
  archive: string;
  /** A path, or `-` for the stream. */
  target: string;
  patterns: readonly Pattern[];
  extract: ExtractOptions;
  /** Replace a file that exists by an image or small file. */
  overwrite: boolean;
  /** Where the prelude of a split archive goes. */
  preludeTarget: string | undefined;
  reporter: RestoreReporter;
  clock: Clock;
  signal: AbortSignal;
}

/** Runs a restore. The summary is that of a tree; undefined for everything else. */
export async function runRestore(o: RestoreJobOptions): Promise<ExtractSummary | undefined> {
  const found = o.snapshot.resolve(o.archive);
  if (found.kind === 'split' || /\.m?pxar\.didx$/.test(found.stored)) return restoreTree(o);
  const kind = archiveKind(found.stored);
  if (kind === 'blob') await restoreBlob(o, found.stored);
  else await restoreContent(o, found.stored, kind === 'fixed');
  return undefined;
}

async function restoreTree(o: RestoreJobOptions): Promise<ExtractSummary | undefined> {
  const tree = await o.snapshot.openTree(o.archive);
  if (o.target === '-') {
    await streamTree(o, tree);
    return undefined;
  }
  let bytes = 0;
  let prelude: Uint8Array | undefined;
  using _progress = o.reporter.progress(o.archive, tree.size, () => bytes);
  const options: ExtractOptions = {
    ...o.extract,
    archiveName: tree.archive.name,
    ...(tree.payload ? { payloadName: tree.payload.name } : {}),
    patterns: o.patterns,
    signal: o.signal,
    onWarning: (path, text) => o.reporter.message(`warning: ${quotePath(path)}: ${text}`),
    onProgress: (_path, counts) => {
      bytes = counts.bytes;
    },
    onPrelude: (data) => {
      prelude = Uint8Array.from(data);
    },
  };
  const summary =
    o.patterns.length > 0
      ? await extractEvents(new ArchiveEvents(await tree.accessor(o.signal), o.patterns, o.signal), o.target, options)
      : await extractArchive(tree.source(o.signal), o.target, options);
  if (o.preludeTarget !== undefined) await writeFile(o.preludeTarget, prelude ?? '');
  return summary;
}

/** The archive as one stream: as it is stored, or the two parts of a split one joined. */
async function streamTree(o: RestoreJobOptions, tree: TreeArchive): Promise<void> {
  if (o.patterns.length > 0)
    throw new GranaryError('usage', 'a stream holds the whole archive: --pattern needs a target');
  if (tree.payload) {
    const sink: JoinSink = (bytes) => o.reporter.output(bytes);
    await joinSplitArchive(tree.source(o.signal), sink, { archiveName: tree.archive.name, signal: o.signal });
    return;
  }
  for await (const piece of tree.archive.stream(0, tree.archive.size, o.signal)) await o.reporter.output(piece);
}

async function restoreBlob(o: RestoreJobOptions, stored: string): Promise<void> {
  const content = await o.snapshot.blob(stored);
  if (o.target === '-') return o.reporter.output(content);
  await using file = await TargetFile.open(o.target, o.overwrite);
  await file.handle.writeFile(content);
  await file.keep();
}

/** An image, or any other content that is no tree: in order to a stream, in parallel to a file. */
async function restoreContent(o: RestoreJobOptions, stored: string, isImage: boolean): Promise<void> {
  const started = o.clock.now();
  const content = await o.snapshot.reader.open(stored);
  let done = 0;
  {
    using _progress = o.reporter.progress(o.archive, content.size, () => done);
    if (o.target === '-') {
      for await (const piece of content.stream(0, content.size, o.signal)) {
        await o.reporter.output(piece);
        done += piece.byteLength;
      }
    } else {
      await using file = await TargetFile.open(o.target, o.overwrite);
      await content.writeTo(file.handle.fd, {
        sparse: file.isNew,
        signal: o.signal,
        onProgress: (bytes) => {
          done += bytes;
        },
      });
      if (file.isNew) await file.handle.truncate(content.size);
      await file.keep();
    }
  }
  if (!isImage) return;
  const seconds = (o.clock.now() - started) / 1000;
  const speed = seconds > 0 ? content.size / 1_000_000 / seconds : 0;
  o.reporter.message(
    `restore image complete (bytes=${content.size}, duration=${seconds.toFixed(2)}s, speed=${speed.toFixed(2)}MB/s)`,
  );
}

/**
 * A file that is being restored. A regular file appears under its name only when it is complete; a device or pipe
 * is written in place. Disposed without `keep`, a new file leaves nothing behind.
 */
class TargetFile implements AsyncDisposable {
  readonly handle: FileHandle;
  /** The file is new and empty. */
  readonly isNew: boolean;
  readonly #path: string;
  readonly #temporary: string | undefined;
  #kept = false;

  private constructor(handle: FileHandle, path: string, temporary: string | undefined) {
    this.handle = handle;
    this.#path = path;
    this.#temporary = temporary;
    this.isNew = temporary !== undefined;
  }

  static async open(path: string, overwrite: boolean): Promise<TargetFile> {
    const existing = await statOf(path);
    if (existing?.isDirectory()) throw new GranaryError('usage', `'${path}' is a directory: give the name of a file`);
    if (existing && !existing.isFile()) return new TargetFile(await openFile(path, 'r+'), path, undefined);
    if (existing && !overwrite) {
      throw new GranaryError('already-exists', `'${path}' exists already`, {
        details: { hint: 'Give --overwrite to replace it, or another target.' },
      });
    }
    const temporary = temporaryName(path);
    return new TargetFile(await openFile(temporary, 'wx'), path, temporary);
  }

  async keep(): Promise<void> {
    this.#kept = true;
    await this.handle.close();
    if (this.#temporary !== undefined) await rename(this.#temporary, this.#path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#kept) return;
    await this.handle.close();
    if (this.#temporary !== undefined) await rm(this.#temporary, { force: true });
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw new GranaryError('io', `cannot access '${path}': ${messageOf(error)}`, { cause: error });
  }
}

async function openFile(path: string, flags: string): Promise<FileHandle> {
  try {
    return await open(path, flags, 0o600);
  } catch (error) {
    throw new GranaryError('io', `cannot create '${path}': ${messageOf(error)}`, { cause: error });
  }
}
