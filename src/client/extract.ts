// Restores an archive into a directory: what `restore` and `pxar extract` do once bytes come (pxar.md 12). The
// parts are in archive/: entries, sparse content, metadata, the report of what could not be restored.

import { closeSync, constants, mkdirSync } from 'node:fs';
import { asBuffer } from '../base/bytes.ts';
import { isErrno } from '../base/errors.ts';
import { throwIfAborted } from '../base/streams.ts';
import { openAt, workingDirectory } from '../os/at.ts';
import { PxarDecoder, type PxarReadOptions, type PxarSource } from '../pxar/decoder.ts';
import { type Pattern, PatternList } from '../pxar/patterns.ts';
import type { PxarEvent } from '../pxar/types.ts';
import { type ExtractCounts, Extractor } from './archive/extractor.ts';
import { Pacer } from './archive/pacer.ts';
import { MetadataRestorer } from './archive/restore-metadata.ts';
import { type NotRestored, type PathError, RestoreReport } from './archive/restore-report.ts';

export type { ExtractCounts } from './archive/extractor.ts';
export type { AspectKind, NotRestored, PathError } from './archive/restore-report.ts';

export interface ExtractOptions extends PxarReadOptions {
  /**
   * Selection, in order, the last match decides. If one of them includes, only what is included is restored;
   * if all exclude, everything else is.
   */
  patterns?: readonly Pattern[];
  /** Restore into directories that exist. */
  allowExistingDirs?: boolean;
  /** Replace what exists by files, symlinks, hard links; `overwrite` is all of these, and special files. */
  overwrite?: boolean;
  overwriteFiles?: boolean;
  overwriteSymlinks?: boolean;
  overwriteHardlinks?: boolean;
  ignoreOwnership?: boolean;
  ignorePermissions?: boolean;
  ignoreXattrs?: boolean;
  ignoreAcls?: boolean;
  ignoreFcaps?: boolean;
  /** Kinds of entries to leave out when false. */
  deviceNodes?: boolean;
  fifos?: boolean;
  sockets?: boolean;
  /** Device nodes that cannot be made are not reported. */
  ignoreDeviceErrors?: boolean;
  /** The first thing that cannot be restored ends the restore. */
  strict?: boolean;
  onWarning?: (path: Uint8Array, text: string) => void;
  /** About a hundred times a second. `path` is the entry that is being restored. */
  onProgress?: (path: Uint8Array, counts: Readonly<ExtractCounts>) => void;
  /** The prelude of a split archive. */
  onPrelude?: (data: Uint8Array) => void;
}

export interface ExtractSummary extends ExtractCounts {
  /** Metadata and special files that the system refused, by kind: to be told once. */
  notRestored: NotRestored[];
  /** Entries that were not restored, and the first of them. */
  errorCount: number;
  errors: PathError[];
}

/** Where events come from: a decoder, or whoever walks an archive another way. */
export interface PxarEventSource {
  next(): PxarEvent | undefined | Promise<PxarEvent | undefined>;
}

/**
 * Restores an archive below `target`, which is made with mode 0700 if missing. Entries that cannot be made, and
 * metadata that is refused, are reported in the summary (with `strict`: thrown); damage of the archive, a full disk
 * and the like are thrown, and leave no partial file behind.
 */
export async function extractArchive(
  source: PxarSource,
  target: string | Uint8Array,
  o: ExtractOptions = {},
): Promise<ExtractSummary> {
  await using decoder = new PxarDecoder(source, o);
  return await extractEvents(decoder, target, o);
}

/** `extractArchive` of events in archive order. */
export async function extractEvents(
  source: PxarEventSource,
  target: string | Uint8Array,
  o: ExtractOptions = {},
): Promise<ExtractSummary> {
  throwIfAborted(o.signal);
  const report = new RestoreReport(o.strict ?? false);
  const counts: ExtractCounts = { files: 0, directories: 0, symlinks: 0, hardLinks: 0, specials: 0, bytes: 0 };
  let current: PxarEvent | undefined;
  const progress = (): void => {
    if (current && 'path' in current) o.onProgress?.(current.path, counts);
  };
  const pacer = new Pacer({ signal: o.signal, onTurn: progress });
  const overwrite = o.overwrite ?? false;
  const wishes = {
    ownership: !o.ignoreOwnership,
    permissions: !o.ignorePermissions,
    xattrs: !o.ignoreXattrs,
    acls: !o.ignoreAcls,
    fcaps: !(o.ignoreFcaps ?? o.ignoreXattrs),
  };
  const root = openTarget(typeof target === 'string' ? Buffer.from(target) : target);
  try {
    using extractor = new Extractor({
      root,
      patterns: o.patterns?.length ? new PatternList(o.patterns) : undefined,
      selectedByDefault: !o.patterns?.some((pattern) => pattern.type === 'include'),
      allowExistingDirectories: o.allowExistingDirs ?? false,
      overwriteFiles: overwrite || (o.overwriteFiles ?? false),
      overwriteSymlinks: overwrite || (o.overwriteSymlinks ?? false),
      overwriteHardLinks: overwrite || (o.overwriteHardlinks ?? false),
      overwriteSpecials: overwrite,
      deviceNodes: o.deviceNodes ?? true,
      fifos: o.fifos ?? true,
      sockets: o.sockets ?? true,
      counts,
      metadata: new MetadataRestorer(wishes, report, o.onWarning ?? (() => {})),
      report,
      pacer,
    });
    for (;;) {
      const next = source.next();
      const event = next instanceof Promise ? await next : next;
      if (event === undefined) break;
      if (event.kind !== 'end-directory') current = event;
      if (event.kind === 'prelude') o.onPrelude?.(event.data);
      const handled = extractor.handle(event);
      if (handled) await handled;
      const pause = pacer.pause();
      if (pause) await pause;
    }
    progress();
  } finally {
    closeSync(root);
  }
  const notRestored = report.notRestored.filter(({ kind }) => kind !== 'device nodes' || !o.ignoreDeviceErrors);
  return { ...counts, notRestored, errorCount: report.errorCount, errors: report.errors };
}

function openTarget(path: Uint8Array): number {
  try {
    mkdirSync(asBuffer(path), { mode: 0o700 });
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  return openAt(workingDirectory, path, constants.O_RDONLY | constants.O_DIRECTORY);
}
