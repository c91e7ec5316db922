// Who takes up the space: a treemap of namespaces and groups, of the snapshots of one group, and the same as a table.
// Where in the datastore one is stands in the address (`?ns=a/b&group=ct/100`), as does what the areas mean
// (`?area=unique`).

import { type ReactNode, useEffect, useRef } from 'react';
import { useSearchParams } from 'wouter';
import { getAccounting } from '../../../src/api/admin/datastore/accounting.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { bytes, dateTime } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { type Language, useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { type Column, DataTable } from '../../parts/data-table.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Card } from '../../parts/page.tsx';
import { Segments } from '../../parts/segments.tsx';
import { State } from '../../parts/state.tsx';
import { Treemap, type TreemapPart } from '../../parts/treemap.tsx';
import styles from './space-map.module.css';
import { words } from './texts.ts';

type Entry = Result<typeof getAccounting>['entries'][number];
type Place = { ns: string; group: string | undefined };

/** More are not drawn; the table tells how many there are. */
const most = 1000;

export function SpaceMap({ store }: { store: string }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [query, setQuery] = useSearchParams();
  const place: Place = { ns: query.get('ns') ?? '', group: query.get('group') ?? undefined };
  const area = query.get('area') === 'unique' ? 'unique' : 'all';
  const { accounts, answer, error, total } = useEntries(store, place);
  const frame = useRef<HTMLDivElement>(null);
  const wantsFocus = useRef(false);
  const isDrawn = accounts.length > 0;
  // What was pressed is gone with the place that it was in: the keyboard goes on in the new one.
  useEffect(() => {
    if (!wantsFocus.current || !isDrawn) return;
    wantsFocus.current = false;
    frame.current?.querySelector<HTMLElement>('[role="group"] button')?.focus();
  });
  const go = (next: Partial<Record<'ns' | 'group' | 'area', string | undefined>>): void =>
    setQuery((old) => {
      const changed = new URLSearchParams(old);
      for (const [name, value] of Object.entries(next)) {
        if (value === undefined || value === '') changed.delete(name);
        else changed.set(name, value);
      }
      return changed;
    });
  const goTo = (ns: string, group?: string): void => {
    wantsFocus.current = true;
    go({ ns, group });
  };
  const open = (entry: Entry): void => {
    if (entry.kind === 'namespace') goTo(entry.ns);
    if (entry.kind === 'group') goTo(entry.ns, groupOf(entry));
  };
  const byId = new Map(accounts.map((entry) => [idOf(entry), entry]));
  const parts: TreemapPart[] = accounts.map((entry) => {
    const [unique, shared] = [entry['unique-bytes'], entry['shared-bytes']];
    const label = labelOf(entry, place, language);
    return {
      id: idOf(entry),
      label,
      size: area === 'unique' ? unique : unique + shared,
      filled: area === 'unique' ? 1 : unique / Math.max(1, unique + shared),
      detail: t.detail(label, bytes(unique, language), bytes(shared, language)),
    };
  });
  const columns: Column<Entry>[] = [
    {
      id: 'name',
      header: t.name,
      value: (entry) => (entry.kind === 'snapshot' ? entry['backup-time'] : labelOf(entry, place, language)),
      cell: (entry) => `${labelOf(entry, place, language)}`,
      width: 'minmax(8rem, 2fr)',
    },
    { id: 'kind', header: t.kind, value: (entry) => t[entry.kind], width: '8rem', isExtra: true },
    {
      id: 'unique',
      header: t.unique,
      value: (entry) => entry['unique-bytes'],
      cell: (entry) => bytes(entry['unique-bytes'], language),
      isNumber: true,
      width: '5.5rem',
    },
    {
      id: 'shared',
      header: t.shared,
      value: (entry) => entry['shared-bytes'],
      cell: (entry) => bytes(entry['shared-bytes'], language),
      isNumber: true,
      width: '5.5rem',
    },
    {
      id: 'snapshots',
      header: t.snapshotCount,
      value: (entry) => entry.snapshots,
      isNumber: true,
      isExtra: true,
      width: '8rem',
    },
  ];
  return (
    <Card
      title={t.map}
      actions={
        <Segments
          label={t.area}
          choices={[
            { id: 'all', label: t.areaAll },
            { id: 'unique', label: t.areaUnique },
          ]}
          value={area}
          onChange={(value) => go({ area: value === 'all' ? undefined : value })}
        />
      }
    >
      <p className="quiet">{t.mapHelp}</p>
      <ErrorText error={error} />
      <Crumbs place={place} store={store} onGo={goTo} />
      {answer !== undefined && answer.quality !== 'exact' && (
        <p>
          <State level={answer.quality === 'unknown' ? 'warn' : 'quiet'}>
            {answer.quality === 'unknown' ? t.notCounted : t.estimate}
          </State>{' '}
          <span className="quiet">{answer.reason}</span>
        </p>
      )}
      <div ref={frame}>
        {parts.some(({ size }) => size > 0) && (
          <Treemap
            label={t.mapOf(place.group ?? (place.ns || store))}
            parts={parts}
            rest={t.rest}
            hint={place.group === undefined ? t.mapHint : t.mapSnapshots}
            isOpenable={(id) => byId.get(id)?.kind !== 'snapshot'}
            onOpen={(id) => open(byId.get(id)!)}
          />
        )}
      </div>
      {total > accounts.length && <p className="quiet">{t.onlyLargest(accounts.length, total)}</p>}
      <details className={styles['table']}>
        <summary>{t.asTable}</summary>
        <DataTable
          label={t.map}
          columns={columns}
          rows={answer === undefined && error === undefined ? undefined : accounts}
          rowId={idOf}
          sort={{ id: 'unique', desc: true }}
          onOpen={open}
        />
      </details>
      {answer?.['unreferenced-bytes'] !== undefined && answer['unreferenced-bytes'] > 0 && (
        <p className="quiet">{t.unreferenced(bytes(answer['unreferenced-bytes'], language))}</p>
      )}
    </Card>
  );
}

/** What lies directly in the place: namespaces and groups, or the snapshots of the group. */
function useEntries(store: string, { ns, group }: Place) {
  const common = { store, ns, limit: most, order: 'unique' } as const;
  const [type = '', id = ''] = group === undefined ? [] : splitGroup(group);
  const isGroup = group !== undefined;
  const namespaces = useCall(
    getAccounting,
    { ...common, level: 'namespace', 'max-depth': 1 },
    { every: 60_000, enabled: !isGroup },
  );
  const groups = useCall(
    getAccounting,
    { ...common, level: 'group', 'max-depth': 0 },
    { every: 60_000, enabled: !isGroup },
  );
  const snapshots = useCall(
    getAccounting,
    { ...common, level: 'snapshot', 'max-depth': 0, 'backup-type': type as 'vm', 'backup-id': id },
    { every: 60_000, enabled: isGroup },
  );
  const own = (answer: typeof groups.data, kind: Entry['kind']): Entry[] =>
    (answer?.entries ?? []).filter((entry) => entry.kind === kind && !(kind === 'namespace' && entry.ns === ns));
  const accounts = isGroup
    ? own(snapshots.data, 'snapshot')
    : [...own(namespaces.data, 'namespace'), ...own(groups.data, 'group')];
  const answer = isGroup ? snapshots.data : groups.data;
  // The place itself and the namespace around it are in the answers too.
  const total = isGroup
    ? (snapshots.data?.total ?? 0) - others(snapshots.data)
    : (groups.data?.total ?? 0) - others(groups.data) + own(namespaces.data, 'namespace').length;
  return { accounts, answer, error: isGroup ? snapshots.error : (groups.error ?? namespaces.error), total };
}

/** Entries of an answer that are not what was asked for, but what it lies in. */
function others(answer: Result<typeof getAccounting> | undefined): number {
  const kinds = (answer?.entries ?? []).map(({ kind }) => kind);
  const smallest = kinds.includes('snapshot') ? 'snapshot' : 'group';
  return kinds.filter((kind) => kind !== smallest).length;
}

function Crumbs(props: { place: Place; store: string; onGo(ns: string): void }): ReactNode {
  const t = useTexts(words);
  const { ns, group } = props.place;
  if (ns === '' && group === undefined) return null;
  const names = ns === '' ? [] : ns.split('/');
  return (
    <nav aria-label={t.where} className={styles['crumbs']}>
      <Button kind="plain" onPress={() => props.onGo('')}>
        {props.store}
      </Button>
      {names.map((name, index) => {
        const path = names.slice(0, index + 1).join('/');
        return (
          <span key={path}>
            <span aria-hidden="true">›</span>
            <Button kind="plain" onPress={() => props.onGo(path)}>
              {name}
            </Button>
          </span>
        );
      })}
      {group !== undefined && (
        <span aria-current="location">
          <span aria-hidden="true">› </span>
          {group}
        </span>
      )}
    </nav>
  );
}

const groupOf = (entry: Entry): string => `${entry['backup-type']}/${entry['backup-id']}`;
const splitGroup = (group: string): [string, string] => {
  const at = group.indexOf('/');
  return [group.slice(0, at), group.slice(at + 1)];
};

const idOf = (entry: Entry): string =>
  [entry.kind, entry.ns, entry['backup-type'], entry['backup-id'], entry['backup-time']].join(' ');

function labelOf(entry: Entry, place: Place, language: Language): string {
  if (entry.kind === 'namespace') return entry.ns.slice(place.ns === '' ? 0 : place.ns.length + 1);
  if (entry.kind === 'group') return groupOf(entry);
  return dateTime(entry['backup-time']!, language);
}
