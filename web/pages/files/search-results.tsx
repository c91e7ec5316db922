// What a search has found: a list of one snapshot's files, or for a group each path with its versions.

import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { useSearchParams } from 'wouter';
import type { SearchLine } from '../../../src/api/admin/datastore/content.contract.ts';
import { bytes, dateTime } from '../../base/format.ts';
import { startDownload } from '../../base/save.ts';
import type { SnapshotAddress } from '../../base/sealed/server-parts.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { type Column, DataTable } from '../../parts/data-table.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { EntryName } from './browser.tsx';
import type { Entry, EntryType } from './entry.ts';
import styles from './files.module.css';
import { GroupSearch } from './group-search.ts';
import type { Source } from './source.ts';
import { words } from './texts.ts';

type Match = Extract<SearchLine, { kind: 'match' }>;
type Skipped = Extract<SearchLine, { kind: 'skipped' }>;

interface Props {
  source: Source;
  snapshot: SnapshotAddress;
  pattern: string;
  /** In all snapshots of the group. */
  isGroup: boolean;
  /** Only this path. */
  only: string | undefined;
  selected: ReadonlyMap<string, Entry>;
  onSelected(selected: ReadonlyMap<string, Entry>): void;
  onOpen(entry: Entry): void;
  /** Of a version, out of the snapshot of that time. */
  onRestore(version: RestoredVersion): void;
}

export interface RestoredVersion {
  entry: Entry;
  /** Of its snapshot. */
  time: number;
  /** Of the key that it is encrypted with. */
  fingerprint: string | undefined;
}

interface Found {
  matches: readonly Match[];
  skipped: readonly Skipped[];
  searched: number;
  files: number;
  isDone: boolean;
  isTruncated: boolean;
}

const nothing: Found = { matches: [], skipped: [], searched: 0, files: 0, isDone: false, isTruncated: false };
/** Between two looks at what has come, milliseconds. */
const tellEvery = 100;

/** The lines of a search as they come. */
function useSearch({ source, snapshot, pattern, isGroup, only }: Props) {
  const [found, setFound] = useState(nothing);
  const [error, setError] = useState<Error>();
  const name = JSON.stringify({ ...snapshot, 'backup-time': undefined });
  const group = useMemo(() => new GroupSearch(JSON.parse(name) as Omit<SnapshotAddress, 'backup-time'>), [name]);
  useEffect(() => {
    const abort = new AbortController();
    const run = async (): Promise<void> => {
      const lines = isGroup ? group.run(pattern, abort.signal) : source.search(pattern, abort.signal);
      const matches: Match[] = [];
      const skipped: Skipped[] = [];
      const rest = { searched: 0, files: 0, isDone: false, isTruncated: false };
      let told = 0;
      for await (const line of lines) {
        if (line.kind === 'match' && (only === undefined || line.path === only)) matches.push(line);
        else if (line.kind === 'skipped') skipped.push(line);
        else if (line.kind === 'searched') {
          rest.searched++;
          rest.files += line.files;
        } else if (line.kind === 'end') Object.assign(rest, { isDone: true, isTruncated: line.truncated });
        if (abort.signal.aborted) return;
        if (!rest.isDone && Date.now() - told < tellEvery) continue;
        told = Date.now();
        setFound({ matches: [...matches], skipped: [...skipped], ...rest });
      }
      if (!rest.isDone) throw new Error('the answer was cut off');
    };
    run().catch((cause: Error) => abort.signal.aborted || setError(cause));
    return () => abort.abort();
  }, [source, group, pattern, isGroup, only]);
  return { found, error, group };
}

export function SearchResults(props: Props): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { pattern, isGroup, only } = props;
  const { found, error, group } = useSearch(props);
  const { matches, skipped, isDone } = found;
  const count = (reason: Skipped['reason']): number => skipped.filter((one) => one.reason === reason).length;
  const notes = [
    ...(isDone
      ? [only === undefined ? t.found(matches.length, pattern) : t.versionsOf(only)]
      : [t.searching(found.files)]),
    ...(isGroup && isDone ? [t.searched(found.searched)] : []),
    ...(count('encrypted') > 0 ? [t.skippedEncrypted(count('encrypted'))] : []),
    ...(count('no-files') > 0 ? [t.skippedNoFiles(count('no-files'))] : []),
    ...(found.isTruncated ? [t.truncated] : []),
  ];
  return (
    <div className={styles['preview']}>
      <div role="status">
        {notes.map((note) => (
          <p key={note}>{note}</p>
        ))}
      </div>
      <ErrorText error={error} />
      {skipped
        .filter((one) => one.reason === 'failed')
        .map((one) => (
          <ErrorText
            key={one['backup-time']}
            error={t.skippedFailed(dateTime(one['backup-time'], language), one.error ?? '')}
          />
        ))}
      {isGroup ? <Versions {...props} matches={matches} group={group} /> : <Matches {...props} matches={matches} />}
    </div>
  );
}

const entryOf = ({ filepath, path, type, size, mtime }: Match): Entry => ({
  id: filepath,
  name: path.slice(path.lastIndexOf('/') + 1),
  type: type as EntryType,
  ...(size === undefined ? {} : { size }),
  ...(mtime === undefined ? {} : { mtime }),
});

function Matches({ matches, selected, onSelected, onOpen }: Props & { matches: readonly Match[] }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const columns: Column<Match>[] = [
    {
      id: 'path',
      header: t.path,
      value: (match) => match.path,
      cell: (match) => <EntryName entry={entryOf(match)} name={match.path} />,
      width: 'minmax(10rem, 1fr)',
    },
    {
      id: 'size',
      header: t.size,
      value: (match) => match.size,
      isNumber: true,
      cell: (match) => (match.size === undefined ? '' : bytes(match.size, language)),
      width: '6rem',
    },
    {
      id: 'modified',
      header: t.modified,
      value: (match) => match.mtime,
      isNumber: true,
      isExtra: true,
      cell: (match) => (match.mtime === undefined ? '' : dateTime(match.mtime, language)),
      width: '14rem',
    },
  ];
  const byId = new Map(matches.map((match) => [match.filepath, match]));
  return (
    <DataTable
      label={t.files}
      columns={columns}
      rows={matches}
      rowId={(match) => match.filepath}
      onOpen={(match) => onOpen(entryOf(match))}
      selected={new Set(selected.keys())}
      onSelectedChange={(ids) => {
        const entries = [...ids].map((id) => [id, byId.has(id) ? entryOf(byId.get(id)!) : selected.get(id)!] as const);
        onSelected(new Map(entries));
      }}
    />
  );
}

/** A path, or below it one of its versions: the same size and time in one or more snapshots. */
interface Row {
  id: string;
  entry: Entry;
  path: string;
  /** Newest first. */
  times: number[];
  versions?: Row[];
}

function rowsOf(matches: readonly Match[]): Row[] {
  const rows = new Map<string, Row & { versions: Row[] }>();
  for (const match of matches) {
    const { filepath, path, size, mtime, 'backup-time': time } = match;
    const entry = entryOf(match);
    const row = rows.get(filepath) ?? { id: filepath, entry, path, times: [], versions: [] };
    rows.set(filepath, row);
    row.times.push(time);
    const version = row.versions.find((one) => one.entry.size === size && one.entry.mtime === mtime);
    if (version === undefined) row.versions.push({ id: `${filepath} ${time}`, entry, path, times: [time] });
    else version.times.push(time);
  }
  return [...rows.values()];
}

interface VersionsProps extends Props {
  matches: readonly Match[];
  group: GroupSearch;
}

function Versions({ matches, group, only, onRestore }: VersionsProps): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [, setQuery] = useSearchParams();
  const rows = useMemo(() => rowsOf(matches), [matches]);
  const [expanded, setExpanded] = useState<Record<string, boolean>>();
  const open = ({ times, path }: Row): void =>
    setQuery((before) => {
      const next = new URLSearchParams(before);
      for (const name of ['find', 'scope', 'only']) next.delete(name);
      next.set('time', String(times[0]));
      next.set('path', path);
      return next;
    });
  const download = ({ entry, times }: Row): void => {
    const source = group.sourceOf(times[0]!);
    startDownload(entry.name, (signal) => source.open([entry], source.packings[0]!, entry.name, signal));
  };
  const restore = ({ entry, times }: Row): void =>
    onRestore({ entry, time: times[0]!, fingerprint: group.fingerprintOf(times[0]!) });
  const where = ({ times }: Row): string =>
    t.inSnapshots(times.length, dateTime(times.at(-1)!, language), dateTime(times[0]!, language));
  const columns: Column<Row>[] = [
    {
      id: 'path',
      header: t.path,
      value: (row) => row.path,
      cell: (row) =>
        row.versions === undefined ? (
          <span className={styles['name']}>{where(row)}</span>
        ) : (
          <EntryName entry={row.entry} name={`${row.path} (${t.version(row.versions.length)})`} />
        ),
      width: 'minmax(12rem, 1fr)',
    },
    {
      id: 'size',
      header: t.size,
      value: (row) => row.entry.size,
      isNumber: true,
      cell: (row) => (row.entry.size === undefined ? '' : bytes(row.entry.size, language)),
      width: '6rem',
    },
    {
      id: 'modified',
      header: t.modified,
      value: (row) => row.entry.mtime,
      isNumber: true,
      isExtra: true,
      cell: (row) => (row.entry.mtime === undefined ? '' : dateTime(row.entry.mtime, language)),
      width: '14rem',
    },
    {
      id: 'actions',
      header: t.actions,
      isUnnamed: true,
      value: () => '',
      isFixed: true,
      width: '6.5rem',
      cell: (row) => {
        const name = `${row.entry.name} (${dateTime(row.times[0]!, language)})`;
        if (row.versions !== undefined) return null;
        return (
          <>
            {row.entry.type === 'f' && (
              <Button kind="plain" icon="download" iconOnly onPress={() => download(row)}>
                {t.downloadThis(name)}
              </Button>
            )}
            <Button kind="plain" icon="refresh" iconOnly onPress={() => restore(row)}>
              {t.restoreThis(name)}
            </Button>
          </>
        );
      },
    },
  ];
  const isFew = only !== undefined || rows.length <= 3;
  return (
    <DataTable
      label={t.versions}
      columns={columns}
      rows={rows}
      rowId={(row) => row.id}
      childrenOf={(row) => row.versions}
      expanded={expanded ?? (isFew ? Object.fromEntries(rows.map(({ id }) => [id, true])) : {})}
      onExpandedChange={setExpanded}
      onOpen={(row) => {
        if (row.versions === undefined) open(row);
        else setExpanded((before) => ({ ...before, [row.id]: !(before?.[row.id] ?? isFew) }));
      }}
    />
  );
}
