// The tree of a snapshot's files beside what the chosen one is, and what can be done with it.

import { type ReactNode, useCallback, useEffect, useEffectEvent, useMemo, useState } from 'react';
import { useSearchParams } from 'wouter';
import { bytes, dateTime } from '../../base/format.ts';
import { saveFrom, startDownload } from '../../base/save.ts';
import type { SnapshotAddress } from '../../base/sealed/server-parts.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { type Column, DataTable } from '../../parts/data-table.tsx';
import { ErrorText, Notice, TextInput } from '../../parts/field.tsx';
import { Icon, type IconName } from '../../parts/icon.tsx';
import { Bar } from '../../parts/page.tsx';
import {
  ancestorsOf,
  type Entry,
  hasContent,
  idOf,
  isContainer,
  modeText,
  pathOf,
  shownName,
  sorted,
} from './entry.ts';
import { EntryPanel } from './entry-panel.tsx';
import styles from './files.module.css';
import { RestoreWizard } from './restore-wizard.tsx';
import { type RestoredVersion, SearchResults } from './search-results.tsx';
import { downloadName, type Packing, type Source } from './source.ts';
import { words } from './texts.ts';

interface Props {
  source: Source;
  sourceKey: string;
  snapshot: SnapshotAddress;
  /** Of the key, where one is needed to restore. */
  fingerprint?: string;
}

/** From here on the browser fetches a file by itself, straight to the disk. */
const largeFile = 1024 ** 3;

export function Browser({ source, sourceKey, snapshot, fingerprint }: Props): ReactNode {
  const t = useTexts(words);
  const [query, setQuery] = useSearchParams();
  const [pattern, setPattern] = useState(query.get('find') ?? '');
  const [selected, setSelected] = useState<ReadonlyMap<string, Entry>>(new Map());
  const [isLarge, setLarge] = useState(false);
  const [restoring, setRestoring] = useState<{ entries: readonly Entry[]; version?: RestoredVersion }>();
  const find = query.get('find');
  const isGroup = find !== null && query.get('scope') === 'all';
  const tree = useTree(source, find === null ? wantedId(query) : undefined);
  const [opened, setOpened] = useState<Entry>();
  const current = opened ?? tree.entry(wantedId(query));

  const change = (changes: Record<string, string | undefined>): void =>
    setQuery(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changes)) {
          if (value === undefined || value === '') next.delete(name);
          else next.set(name, value);
        }
        return next;
      },
      { replace: true },
    );
  const show = (entry: Entry): void => {
    setOpened(entry);
    const path = pathOf(entry.id);
    // A name that is no UTF-8 has no text that leads back to it.
    change({ path: idOf(path) === entry.id ? path : undefined, only: undefined });
  };
  const search = (scope: 'all' | undefined, only?: string): void =>
    change({ find: only === undefined ? pattern.trim() : only.slice(only.lastIndexOf('/') + 1), scope, only });
  const download = (entries: readonly Entry[], packing: Packing): void => {
    const [first] = entries;
    if (first === undefined) return;
    const name = downloadName(entries, packing, `${snapshot['backup-type']}-${snapshot['backup-id']}`);
    const isSingle = entries.length === 1 && hasContent(first);
    if (isSingle && source.address !== undefined && (first.size ?? 0) > largeFile) {
      saveFrom(source.address(first), name);
      setLarge(true);
      return;
    }
    startDownload(name, (signal) => source.open(entries, packing, name, signal));
  };
  const chosen = [...selected.values()];

  return (
    <>
      <form
        className={styles['find']}
        onSubmit={(event) => {
          event.preventDefault();
          if (pattern.trim() !== '') search(undefined);
        }}
      >
        <TextInput label={t.find} type="search" value={pattern} onChange={setPattern} />
        <Button type="submit" icon="search" isDisabled={pattern.trim() === ''}>
          {t.findHere}
        </Button>
        <Button icon="search" isDisabled={pattern.trim() === ''} onPress={() => search('all')}>
          {t.findAll}
        </Button>
        <p className={`quiet ${styles['help']}`}>{t.findHelp}</p>
      </form>
      <Bar>
        {find !== null && (
          <Button icon="left" onPress={() => change({ find: undefined, scope: undefined, only: undefined })}>
            {t.back}
          </Button>
        )}
        {chosen.length > 0 && (
          <>
            <span className={styles['count']}>{t.selected(chosen.length)}</span>
            <DownloadButtons source={source} entries={chosen} onDownload={download} />
            <Button kind="plain" onPress={() => setSelected(new Map())}>
              {t.unselect}
            </Button>
          </>
        )}
        <Button icon="refresh" onPress={() => setRestoring({ entries: chosen })}>
          {t.restore}
        </Button>
      </Bar>
      {isLarge && <Notice>{t.byBrowser}</Notice>}
      <ErrorText error={tree.error} />
      <div className={isGroup ? '' : styles['columns']}>
        {find === null ? (
          <Tree tree={tree} selected={selected} onSelected={setSelected} onOpen={show} />
        ) : (
          <SearchResults
            key={`${find} ${query.get('scope')} ${query.get('only')}`}
            source={source}
            snapshot={snapshot}
            pattern={find}
            isGroup={isGroup}
            only={query.get('only') ?? undefined}
            selected={selected}
            onSelected={setSelected}
            onOpen={show}
            onRestore={(version) => setRestoring({ entries: [version.entry], version })}
          />
        )}
        {!isGroup && (
          <EntryPanel
            source={source}
            sourceKey={sourceKey}
            entry={current}
            actions={
              current !== undefined && (
                <>
                  <DownloadButtons source={source} entries={[current]} onDownload={download} />
                  {current.type === 'f' && (
                    <Button icon="calendar" onPress={() => search('all', pathOf(current.id))}>
                      {t.versions}
                    </Button>
                  )}
                  <Button icon="refresh" onPress={() => setRestoring({ entries: [current] })}>
                    {t.restore}
                  </Button>
                </>
              )
            }
          />
        )}
      </div>
      {restoring !== undefined && (
        <RestoreWizard
          snapshot={{ ...snapshot, 'backup-time': restoring.version?.time ?? snapshot['backup-time'] }}
          tops={tree.tops}
          chosen={restoring.entries}
          fingerprint={restoring.version === undefined ? fingerprint : restoring.version.fingerprint}
          onClose={() => setRestoring(undefined)}
        />
      )}
    </>
  );
}

function wantedId(query: URLSearchParams): string | undefined {
  const path = query.get('path');
  return path === null ? undefined : idOf(path);
}

interface DownloadButtonsProps {
  source: Source;
  entries: readonly Entry[];
  onDownload(entries: readonly Entry[], packing: Packing): void;
}

function DownloadButtons({ source, entries, onDownload }: DownloadButtonsProps): ReactNode {
  const t = useTexts(words);
  const [first] = entries;
  // An archive of files holds nothing of itself, neither do links and devices.
  if (first === undefined || (entries.length === 1 && !hasContent(first) && !isContainer(first))) return null;
  if (entries.length === 1 && hasContent(first)) {
    return (
      <Button icon="download" onPress={() => onDownload(entries, source.packings[0]!)}>
        {t.download}
      </Button>
    );
  }
  return source.packings.map((packing) => (
    <Button key={packing} icon="download" onPress={() => onDownload(entries, packing)}>
      {t.downloadAs(packing)}
    </Button>
  ));
}

interface Tree {
  tops: Entry[] | undefined;
  error: Error | undefined;
  /** What has been read of a directory; empty before. */
  below(entry: Entry): readonly Entry[];
  entry(id: string | undefined): Entry | undefined;
  expanded: Readonly<Record<string, boolean>>;
  expand(expanded: Record<string, boolean>): void;
  toggle(entry: Entry): void;
}

/** Reads directories as they are opened; at first those above the wanted entry. */
function useTree(source: Source, wanted: string | undefined): Tree {
  const { language } = useSettings();
  const [lists, setLists] = useState<ReadonlyMap<string, Entry[]>>(new Map());
  const [expanded, setExpanded] = useState<Readonly<Record<string, boolean>>>({});
  const [error, setError] = useState<Error>();
  const load = useCallback(
    async (above: Entry | undefined): Promise<Entry[]> => {
      setError(undefined);
      const entries = sorted(await source.list(above), language);
      setLists((before) => new Map([...before, [above?.id ?? '', entries]]));
      return entries;
    },
    [source, language],
  );
  // The wanted entry counts when the page is opened; what is opened afterwards is so by hand.
  const openWay = useEffectEvent(async (list: typeof load): Promise<void> => {
    let entries = await list(undefined);
    for (const id of [...ancestorsOf(wanted ?? ''), wanted]) {
      const next = entries.find((entry) => entry.id === id);
      if (next === undefined || !isContainer(next)) return;
      entries = await list(next);
      setExpanded((before) => ({ ...before, [next.id]: true }));
    }
  });
  useEffect(() => {
    openWay(load).catch(setError);
  }, [load]);
  const byId = useMemo(() => new Map([...lists.values()].flat().map((entry) => [entry.id, entry])), [lists]);
  // A list of its own each time, by which the table sees that directories below have been read.
  const tops = useMemo(() => lists.get('')?.slice(), [lists]);
  const expand = (next: Readonly<Record<string, boolean>>): void => {
    setExpanded(next);
    for (const id of Object.keys(next)) {
      const entry = byId.get(id);
      if (next[id] === true && entry !== undefined && !lists.has(id)) load(entry).catch(setError);
    }
  };
  return {
    tops,
    error,
    below: (entry) => lists.get(entry.id) ?? [],
    entry: (id) => (id === undefined ? undefined : byId.get(id)),
    expanded,
    expand,
    toggle: (entry) => expand({ ...expanded, [entry.id]: expanded[entry.id] !== true }),
  };
}

const icons: Partial<Record<Entry['type'], IconName>> = { d: 'folder', v: 'datastore', i: 'server', o: 'note' };

export function EntryName({ entry, name }: { entry: Entry; name?: string }): ReactNode {
  return (
    <>
      <Icon name={icons[entry.type] ?? 'file'} size={16} />
      <span className={styles['name']} title={name ?? entry.name}>
        {name ?? entry.name}
      </span>
    </>
  );
}

interface TreeProps {
  tree: Tree;
  selected: ReadonlyMap<string, Entry>;
  onSelected(selected: ReadonlyMap<string, Entry>): void;
  onOpen(entry: Entry): void;
}

function Tree({ tree, selected, onSelected, onOpen }: TreeProps): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const hasModes = tree.tops?.some((top) => tree.below(top).some(({ mode }) => mode !== undefined)) ?? false;
  const columns: Column<Entry>[] = [
    {
      id: 'name',
      header: t.name,
      value: (entry) => entry.name,
      cell: (entry) => <EntryName entry={entry} name={shownName(entry)} />,
      width: 'minmax(10rem, 1fr)',
    },
    {
      id: 'size',
      header: t.size,
      value: (entry) => entry.size,
      isNumber: true,
      cell: (entry) => (entry.size === undefined ? '' : bytes(entry.size, language)),
      width: '6rem',
    },
    {
      id: 'modified',
      header: t.modified,
      value: (entry) => entry.mtime,
      isNumber: true,
      isExtra: true,
      cell: (entry) => (entry.mtime === undefined ? '' : dateTime(entry.mtime, language)),
      width: '14rem',
    },
    ...(hasModes
      ? [
          {
            id: 'mode',
            header: t.mode,
            value: (entry: Entry) => entry.mode,
            isExtra: true,
            cell: (entry: Entry) => (entry.mode === undefined ? '' : <code>{modeText(entry.mode)}</code>),
            width: '7rem',
          },
        ]
      : []),
  ];
  return (
    <DataTable
      label={t.files}
      columns={columns}
      rows={tree.tops}
      rowId={(entry) => entry.id}
      empty={t.empty}
      childrenOf={(entry) => (isContainer(entry) ? tree.below(entry) : undefined)}
      expanded={tree.expanded}
      onExpandedChange={tree.expand}
      selected={new Set(selected.keys())}
      onSelectedChange={(ids) => {
        const entries = [...ids].map((id) => [id, tree.entry(id) ?? selected.get(id)!] as const);
        onSelected(new Map(entries));
      }}
      onOpen={(entry) => {
        if (isContainer(entry)) tree.toggle(entry);
        onOpen(entry);
      }}
    />
  );
}
