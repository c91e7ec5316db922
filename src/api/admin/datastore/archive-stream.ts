// Files and directories of archives as one stream: zip, or tar compressed with zstd. Entry by entry, at the reader's
// pace.

import { pipeline, Readable } from 'node:stream';
import { createZstdCompress } from 'node:zlib';
import { pack } from 'tar-stream';
import yazl from 'yazl';
import { concatBytes } from '../../../base/bytes.ts';
import type { ReadAt } from '../../../base/io.ts';
import type { FileNode, PxarAccessor, PxarNode } from '../../../pxar/accessor.ts';

/** A node of an archive, and its path in the stream, without slash at the end; the empty one is the stream's top. */
export interface StreamedEntry {
  accessor: PxarAccessor;
  path: string;
  node: PxarNode;
}

export interface WalkedEntry extends StreamedEntry {
  /** Below the top, byte for byte. */
  pathBytes: Uint8Array;
}

const pieceSize = 1024 * 1024;
const maxDepth = 4096;
const slash = Uint8Array.of(0x2f);

/** The content of a file in pieces. */
export async function* readContent(content: ReadAt): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < content.size; at += pieceSize) {
    yield await content.readAt(at, Math.min(pieceSize, content.size - at));
  }
}

async function* walkAll(tops: readonly StreamedEntry[]): AsyncGenerator<WalkedEntry> {
  for (const top of tops) yield* walk(top);
}

/** The entry itself and everything below, in archive order. Names that are no UTF-8 get substitutes. */
export async function* walk(top: StreamedEntry): AsyncGenerator<WalkedEntry> {
  const { accessor } = top;
  if (top.path !== '') yield { ...top, pathBytes: new Uint8Array(0) };
  if (top.node.kind !== 'directory') return;
  const stack = [
    { path: top.path === '' ? [] : [top.path], bytes: new Uint8Array(0), children: accessor.list(top.node) },
  ];
  while (stack.length > 0) {
    const { path: above, bytes, children } = stack.at(-1)!;
    const next = await children.next();
    if (next.done) {
      stack.pop();
      continue;
    }
    const node = next.value;
    const below = [...above, Buffer.from(node.name).toString()];
    const pathBytes = concatBytes([bytes, node.name]);
    yield { accessor, path: below.join('/'), pathBytes, node };
    if (node.kind !== 'directory') continue;
    if (stack.length >= maxDepth) throw new RangeError(`directories are nested deeper than ${maxDepth}`);
    stack.push({ path: below, bytes: concatBytes([pathBytes, slash]), children: accessor.list(node) });
  }
}

const dateOf = (seconds: bigint): Date => new Date(Number(seconds) * 1000);
/** Zip has no dates outside of these; tar none before 1970 that every reader takes. */
const earliest = new Date(Date.UTC(1980, 0, 2));
const latest = new Date(Date.UTC(2107, 11, 30));
const clampDate = (date: Date): Date => (date < earliest ? earliest : date > latest ? latest : date);

/** Directories, files (hard links as copies) and symlinks; zip has no form for the rest. */
export function zipStream(tops: readonly StreamedEntry[]): AsyncIterable<Uint8Array> {
  const zip = new yazl.ZipFile();
  const output = zip.outputStream as Readable;
  const fill = async (): Promise<void> => {
    for await (const { accessor, path, node } of walkAll(tops)) {
      if (output.destroyed) return;
      if (node.kind === 'directory') zip.addEmptyDirectory(path, zipFacts(node.meta));
      else if (node.kind === 'symlink') zip.addBuffer(Buffer.from(node.target), path, zipFacts(node.meta));
      else if (node.kind === 'file' || node.kind === 'hardlink') {
        await addZipFile(zip, accessor, path, await accessor.follow(node));
      }
    }
    zip.end();
  };
  fill().catch((error: unknown) => output.destroy(error as Error));
  return output;
}

function zipFacts(meta: FileNode['meta']): { mtime: Date; mode: number } {
  return { mtime: clampDate(dateOf(meta.mtime.seconds)), mode: meta.mode };
}

/** Settles when the file's content has gone into the zip, so that only one file is open at a time. */
async function addZipFile(zip: yazl.ZipFile, accessor: PxarAccessor, path: string, file: FileNode): Promise<void> {
  const content = Readable.from(readContent(await accessor.content(file)), { objectMode: false });
  await new Promise<void>((resolve, reject) => {
    content.once('end', resolve);
    content.once('error', reject);
    content.once('close', resolve);
    (zip.outputStream as Readable).once('close', () => content.destroy());
    zip.addReadStream(content, path, { ...zipFacts(file.meta), size: file.size });
  });
}

/** Everything that an archive can hold but sockets, hard links as copies; zstd-compressed. */
export function tarZstStream(tops: readonly StreamedEntry[]): AsyncIterable<Uint8Array> {
  const tar = pack();
  const output = createZstdCompress();
  const fill = async (): Promise<void> => {
    for await (const { accessor, path, node } of walkAll(tops)) {
      if (output.destroyed) return;
      await addTarEntry(tar, accessor, path, node);
    }
    tar.finalize();
  };
  // Whichever ends early takes the other with it; the reader of `output` is told the error.
  pipeline(tar, output, () => {});
  fill().catch((error: unknown) => output.destroy(error as Error));
  return output;
}

async function addTarEntry(
  tar: ReturnType<typeof pack>,
  accessor: PxarAccessor,
  path: string,
  found: PxarNode,
): Promise<void> {
  const node = await accessor.follow(found);
  if (node.kind === 'socket') return;
  const { mode, uid, gid, mtime } = node.meta;
  const facts = { name: path, mode: mode & 0o7777, uid, gid, mtime: dateOf(mtime.seconds) };
  switch (node.kind) {
    case 'directory':
      tar.entry({ ...facts, name: `${path}/`, type: 'directory' });
      return;
    case 'symlink':
      tar.entry({ ...facts, type: 'symlink', linkname: Buffer.from(node.target).toString() });
      return;
    case 'fifo':
      tar.entry({ ...facts, type: 'fifo' });
      return;
    case 'device': {
      const type = (mode & 0o170000) === 0o060000 ? 'block-device' : 'character-device';
      tar.entry({ ...facts, type, devmajor: node.major, devminor: node.minor });
      return;
    }
    case 'file':
      await addTarFile(tar, facts, await accessor.content(node));
  }
}

/** Settles when the file's content has gone into the tar, or that was closed. */
async function addTarFile(tar: ReturnType<typeof pack>, facts: { name: string }, content: ReadAt): Promise<void> {
  const source = Readable.from(readContent(content), { objectMode: false });
  await new Promise<void>((resolve, reject) => {
    const entry = tar.entry({ ...facts, type: 'file', size: content.size }, (error) =>
      error ? reject(error) : resolve(),
    );
    source.once('error', reject);
    tar.once('close', () => {
      source.destroy();
      resolve();
    });
    source.pipe(entry);
  });
}
