// One backup: opens the session, uploads each source, writes the manifest, finishes (backup-protocol.md 10.1).
// What each kind of source needs is in backup-job-archives.ts, what is known of the last backup in backup-job-previous.ts.

import { hostname } from 'node:os';
import { BackupWriter } from '../backup/writer.ts';
import { type Clock, epochSeconds, formatCtime } from '../base/clock.ts';
import { formatBytes } from '../base/human.ts';
import { shortFingerprint } from '../crypto/crypt-config.ts';
import { CatalogWriter } from '../format/catalog.ts';
import { encodeManifestBlob, type Manifest, type ManifestFile, signManifest } from '../format/manifest.ts';
import { type BackupSnapshot, formatSnapshot } from '../model/backup.ts';
import { catalogName, manifestName, storedArchiveName } from '../model/names.ts';
import type { Pattern } from '../pxar/patterns.ts';
import { type ArchiveTotals, uploadBlobFile, uploadImage, uploadKey, uploadTree } from './backup-job-archives.ts';
import { PreviousSnapshot } from './backup-job-previous.ts';
import type { BackupSource } from './backup-source.ts';
import type { Connection } from './connection.ts';
import type { BackupKeys } from './encryption-keys.ts';
import { formatRepository, type Repository } from './repository.ts';
import { type DynamicUpload, UploadEngine, type UploadProgress } from './upload.ts';

export type ChangeDetection = 'legacy' | 'data' | 'metadata';

/** Who is told what goes on. */
export interface JobReporter {
  message(line: string): void;
  /** Long work begins; ends when disposed. */
  progress(label: string, total: number | undefined, state: () => UploadProgress): Disposable;
}

export interface BackupJobOptions {
  connection: Connection;
  repository: Repository;
  /** Empty for the root. */
  ns: string;
  snapshot: BackupSnapshot;
  sources: readonly BackupSource[];
  keys: BackupKeys;
  patterns: readonly Pattern[];
  includeDevices: ReadonlySet<number> | 'all';
  skipLostAndFound: boolean;
  skipE2big: boolean;
  entriesMax: number;
  /** Average chunk size of file archives, bytes. */
  chunkAverage: number;
  compress: boolean;
  level: number;
  changeDetection: ChangeDetection;
  noCache: boolean;
  /** Only tell what would be done. */
  dryRun: boolean;
  reporter: JobReporter;
  clock: Clock;
  signal: AbortSignal;
}

/** The parts of a running backup that its archives work with. */
export interface BackupRun {
  readonly o: BackupJobOptions;
  readonly writer: BackupWriter;
  readonly engine: UploadEngine;
  readonly previous: PreviousSnapshot | undefined;
  /** The repository as messages show it. */
  readonly shownRepository: string;
  readonly catalog: { writer: CatalogWriter; upload: DynamicUpload } | undefined;
  /** Entries of the manifest, in the order in which archives are finished. */
  readonly files: ManifestFile[];
  readonly totals: ArchiveTotals;
}

/** Runs a backup to its end. Rejects with the first error; the server then drops everything. */
export async function runBackup(o: BackupJobOptions): Promise<void> {
  const { reporter, clock, keys } = o;
  const started = clock.now();
  const shown = `${o.ns === '' ? '' : `[${o.ns}]:`}${formatSnapshot(o.snapshot)}`;
  reporter.message(`Starting backup: ${shown}`);
  reporter.message(`Client name: ${hostname()}`);
  if (o.dryRun) return tellSources(o);
  reporter.message(`Starting backup protocol: ${formatCtime(epochSeconds(clock))}`);
  if (keys.key) {
    reporter.message(`Using encryption key from ${keys.key.source}..`);
    reporter.message(`Encryption key fingerprint: ${shortFingerprint(keys.key.fingerprint)}`);
  }
  if (keys.master) reporter.message(`Using master key from ${keys.master.source}..`);

  await using session = await o.connection.openSession('backup', sessionQuery(o));
  const writer = new BackupWriter(session);
  await using previous = await PreviousSnapshot.load(o, writer);
  const crypt = keys.mode === 'encrypt' ? keys.key?.crypt : undefined;
  await using engine = await UploadEngine.start({
    writer,
    ...(crypt ? { crypt } : {}),
    compress: o.compress,
    level: o.level,
    clock,
    signal: o.signal,
  });
  const run: BackupRun = {
    o,
    writer,
    engine,
    previous,
    shownRepository: formatRepository(o.repository),
    catalog: await openCatalog(o, engine),
    files: [],
    totals: { size: 0, uploaded: 0, stored: 0, reused: 0 },
  };
  for (const source of o.sources) await uploadSource(run, source);
  await finishCatalog(run);
  await uploadKey(run);
  await writer.uploadBlob(manifestName, encodeManifestBlob(makeManifest(run)));
  await writer.finish();
  tellTotals(run);
  reporter.message(`Duration: ${((clock.now() - started) / 1000).toFixed(2)}s`);
  reporter.message(`End Time: ${formatCtime(epochSeconds(clock))}`);
}

function tellSources(o: BackupJobOptions): void {
  const what = { pxar: 'directory', img: 'image', conf: 'config file', log: 'log file' } as const;
  for (const { kind, path, name } of o.sources) {
    const stored = kind === 'pxar' && o.changeDetection !== 'legacy' ? name.replace(/pxar$/, 'mpxar') : name;
    const target = `'${formatRepository(o.repository)}' as ${storedArchiveName(stored)}`;
    o.reporter.message(`Would upload ${what[kind]} '${path}' to ${target}`);
  }
}

function sessionQuery(o: BackupJobOptions): Record<string, unknown> {
  return {
    store: o.repository.store,
    ns: o.ns === '' ? undefined : o.ns,
    'backup-type': o.snapshot.type,
    'backup-id': o.snapshot.id,
    'backup-time': o.snapshot.time,
    'no-cache': o.noCache || undefined,
  };
}

const catalogAverage = 512 * 1024;

/** Only unsplit archives of trees have a catalog. */
async function openCatalog(o: BackupJobOptions, engine: UploadEngine): Promise<BackupRun['catalog']> {
  const wanted = o.changeDetection === 'legacy' && o.sources.some((source) => source.kind === 'pxar');
  if (!wanted) return undefined;
  const upload = await engine.openDynamic(catalogName, { average: catalogAverage });
  return { upload, writer: new CatalogWriter(upload) };
}

function uploadSource(run: BackupRun, source: BackupSource): Promise<void> {
  if (source.kind === 'pxar') return uploadTree(run, source);
  if (source.kind === 'img') return uploadImage(run, source);
  return uploadBlobFile(run, source);
}

async function finishCatalog(run: BackupRun): Promise<void> {
  if (!run.catalog) return;
  await run.catalog.writer.finish();
  const { size, csum } = await run.catalog.upload.finish();
  run.files.push({ filename: catalogName, 'crypt-mode': run.o.keys.mode, size, csum });
  run.o.reporter.message(`Uploaded backup catalog (${formatBytes(size)})`);
}

function makeManifest(run: BackupRun): Manifest {
  const { snapshot, keys } = run.o;
  const manifest: Manifest = { ...snapshot, files: run.files, signature: null, unprotected: {} };
  return keys.key ? signManifest(manifest, keys.key.crypt) : manifest;
}

function tellTotals(run: BackupRun): void {
  const { size, uploaded, stored, reused } = run.totals;
  if (size === 0) return;
  const percent = ((reused / size) * 100).toFixed(1);
  run.o.reporter.message(
    `Backed up ${formatBytes(size)}: ${formatBytes(uploaded)} new (compressed ${formatBytes(stored)}), ` +
      `${formatBytes(reused)} reused (${percent}%)`,
  );
}
