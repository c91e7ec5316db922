// Opens the snapshot that a command reads: argument, key options, session.

import type { KeyOptions } from '../../client/encryption-keys.ts';
import type { SnapshotReader } from '../../client/snapshot-reader.ts';
import type { BackupSnapshot } from '../../model/backup.ts';
import type { Terminal } from '../framework/terminal.ts';
import type { Target } from './repository-options.ts';

/** The reader stays the caller's to dispose. Small content needs little memory and no second thread. */
export async function openSnapshot(
  target: Target,
  snapshot: BackupSnapshot,
  keyOptions: KeyOptions,
  terminal: Terminal,
  readerLimits: { memory?: number; workers?: number } = {},
): Promise<SnapshotReader> {
  const { SnapshotReader } = await import('../../client/snapshot-reader.ts');
  return SnapshotReader.open({
    connection: target.connection,
    repository: target.repository,
    ns: target.ns,
    snapshot,
    keyOptions,
    keyEnvironment: { env: terminal.env, prompter: terminal },
    readerLimits,
  });
}
