// Completion of what lies on the server: groups, snapshots, archives, namespaces (cli.md 1). Asks the server with
// what the environment and the line give, without ever prompting, and gives up after a few seconds.

import { Connection } from '../../client/connection.ts';
import { formatGroup, formatSnapshot, parseSnapshot } from '../../model/backup.ts';
import { userArchiveName } from '../../model/names.ts';
import type { Completer } from '../framework/command.ts';
import type { Terminal } from '../framework/terminal.ts';
import { findRepository, listRepositories, storePath, type Target } from './repository-options.ts';
import { groupParameters, nsParameter, type SnapshotEntry } from './snapshot-argument.ts';

const patienceMs = 4000;

async function withTarget<T>(
  values: Record<string, string>,
  terminal: Terminal,
  use: (target: Target) => Promise<T>,
): Promise<T> {
  const repository = await findRepository(
    { ...values, port: values['port'] ? Number(values['port']) : undefined },
    terminal,
  );
  const connection = await Connection.open({
    repository,
    env: terminal.env,
    clock: terminal.clock,
    signal: AbortSignal.timeout(patienceMs),
  });
  await using target: Target = {
    connection,
    repository,
    ns: values['ns'] ?? terminal.env['PBS_NAMESPACE'] ?? '',
    [Symbol.asyncDispose]: async () => connection.close(),
  };
  return use(target);
}

async function snapshotsOf(target: Target): Promise<SnapshotEntry[]> {
  return (await target.connection.call('GET', storePath(target, 'snapshots'), nsParameter(target))) as SnapshotEntry[];
}

const snapshotText = (entry: SnapshotEntry): string =>
  formatSnapshot({ type: entry['backup-type'], id: entry['backup-id'], time: entry['backup-time'] });
const groupText = (entry: SnapshotEntry): string => formatGroup({ type: entry['backup-type'], id: entry['backup-id'] });

export const completeGroup: Completer = (_word, values, terminal) =>
  withTarget(values, terminal, async (target) => (await snapshotsOf(target)).map(groupText));

export const completeSnapshot: Completer = (_word, values, terminal) =>
  withTarget(values, terminal, async (target) => (await snapshotsOf(target)).map(snapshotText));

export const completeSnapshotOrGroup: Completer = (_word, values, terminal) =>
  withTarget(values, terminal, async (target) =>
    (await snapshotsOf(target)).flatMap((entry) => [groupText(entry), snapshotText(entry)]),
  );

export const completeArchive: Completer = (_word, values, terminal) =>
  withTarget(values, terminal, async (target) => {
    const snapshot = parseSnapshot(values['snapshot'] ?? '');
    const list = snapshot
      ? ((await target.connection.call('GET', storePath(target, 'snapshots'), {
          ...groupParameters(target, snapshot),
        })) as SnapshotEntry[])
      : await snapshotsOf(target);
    return list
      .filter((entry) => !snapshot || entry['backup-time'] === snapshot.time)
      .flatMap((entry) => entry.files.map((file) => userArchiveName(file.filename)));
  });

export const completeNamespace: Completer = (_word, values, terminal) =>
  withTarget({ ...values, ns: '' }, terminal, async (target) => {
    const list = (await target.connection.call('GET', storePath(target, 'namespace'))) as { ns: string }[];
    return list.map((entry) => entry.ns).filter((ns) => ns !== '');
  });

export const completeRepository: Completer = (_word, _values, terminal) => listRepositories(terminal);

/** For every command with repository options. */
export const repositoryCompleters = { repository: completeRepository };
export const targetCompleters = { repository: completeRepository, ns: completeNamespace };
