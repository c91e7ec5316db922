// `catalog dump`: what a snapshot's file archives hold, one line an entry (cli.md 4, formats.md 10.5).

import type { SnapshotReader } from '../../client/snapshot-reader.ts';
import { type CatalogEntry, CatalogReader, formatCatalogLine } from '../../format/catalog-reader.ts';
import { catalogName } from '../../model/names.ts';
import type { PxarEvent } from '../../pxar/types.ts';
import { defineCommand } from '../framework/command.ts';
import type { Terminal } from '../framework/terminal.ts';
import { completeSnapshotOrGroup, targetCompleters } from './complete.ts';
import { keyCompleters, keyOptions } from './key-options.ts';
import { openSnapshot } from './open-snapshot.ts';
import { namespaceOptions, openTarget, repositoryOptions } from './repository-options.ts';
import { findSnapshotOrNewest, snapshotOrGroupArgument } from './snapshot-argument.ts';

export const catalogDump = defineCommand({
  summary: 'List the files in the archives of a snapshot, on standard error.',
  positional: ['snapshot'],
  options: { snapshot: snapshotOrGroupArgument, ...keyOptions, ...repositoryOptions, ...namespaceOptions },
  complete: { ...targetCompleters, ...keyCompleters, snapshot: completeSnapshotOrGroup },
  async run(values, terminal) {
    await using target = await openTarget(values, terminal);
    const snapshot = await findSnapshotOrNewest(target, values.snapshot);
    await using reader = await openSnapshot(target, snapshot, values, terminal, { workers: 1 });
    const lines = new LineBatch(terminal);
    const files = reader.manifest.files.map((file) => file.filename);
    if (files.includes(catalogName)) {
      const catalog = new CatalogReader(await reader.reader.open(catalogName), catalogName);
      for await (const { path, entry } of catalog.walk()) lines.add(formatCatalogLine(path, entry));
    }
    // Split archives are in no catalog: their metadata archive lists them.
    const listed = files.filter((name) =>
      (files.includes(catalogName) ? /\.mpxar\.didx$/ : /\.m?pxar\.didx$/).test(name),
    );
    for (const name of listed) await dumpArchive(reader, name, lines, terminal);
    lines.flush();
  },
});

async function dumpArchive(
  reader: SnapshotReader,
  stored: string,
  lines: LineBatch,
  terminal: Terminal,
): Promise<void> {
  const { decodePxar } = await import('../../pxar/decoder.ts');
  const archive = await reader.reader.open(stored);
  const source = { archive: archive.stream(0, archive.size, terminal.signal) };
  for await (const event of decodePxar(source, { archiveName: stored, signal: terminal.signal })) {
    if (event.kind === 'prelude' || event.kind === 'end-directory') continue;
    const path = Buffer.concat([Buffer.from(`./${stored}${event.path.byteLength > 0 ? '/' : ''}`), event.path]);
    lines.add(formatCatalogLine(path, catalogEntry(event)));
  }
}

type ArchiveEntry = Exclude<PxarEvent, { kind: 'prelude' | 'end-directory' }>;

function catalogEntry(event: ArchiveEntry): CatalogEntry {
  const { name } = event;
  switch (event.kind) {
    case 'directory':
      return { kind: 'directory', name, block: 0 };
    case 'file':
      return { kind: 'file', name, size: event.size, mtime: event.meta.mtime.seconds };
    case 'device':
      return { kind: (event.meta.mode & 0o170000) === 0o060000 ? 'block-device' : 'char-device', name };
    default:
      return { kind: event.kind, name };
  }
}

/** Lines to standard error, many at once: one call a line would take longer than reading them. */
class LineBatch {
  readonly #terminal: Terminal;
  #lines: string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length >= 1000) this.flush();
  }

  flush(): void {
    if (this.#lines.length > 0) this.#terminal.message(this.#lines.join('\n'));
    this.#lines = [];
  }
}
