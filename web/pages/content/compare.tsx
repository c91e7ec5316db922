// Two snapshots of a group side by side: how much of their content they share, and which files came, went and changed.
// In the address: the group and the two times.

import { type ReactNode, useEffect, useEffectEvent, useState } from 'react';
import { Link, useParams, useSearchParams } from 'wouter';
import { compareChunks, compareSnapshots } from '../../../src/api/admin/datastore/comparison.contract.ts';
import { listSnapshots } from '../../../src/api/admin/datastore/snapshots.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { call } from '../../base/api.ts';
import { bytes, dateTime, number, percent } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useSession } from '../../base/session.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { CopyText } from '../../parts/copy-text.tsx';
import { type Column, DataTable } from '../../parts/data-table.tsx';
import { DatastoreFrame } from '../../parts/datastore-frame.tsx';
import { ErrorText, Select, TextInput } from '../../parts/field.tsx';
import { Card } from '../../parts/page.tsx';
import { type Level, Meter, State } from '../../parts/state.tsx';
import { contentAddress, groupAddress } from './addresses.ts';
import { words } from './compare-texts.ts';
import styles from './content.module.css';
import { groupOfQuery, groupParameters, groupTitle, type NamedGroup } from './group-address.ts';
import { snapshotText } from './nodes.ts';

type Page = Result<typeof compareSnapshots>;
type Difference = Page['entries'][number];

export default function ComparePage(): ReactNode {
  const t = useTexts(words);
  const { store = '' } = useParams<{ store: string }>();
  const [query] = useSearchParams();
  const group = groupOfQuery(query);
  return (
    <DatastoreFrame store={store} tab="content">
      {group === undefined ? <ErrorText error={t.noGroup} /> : <Choice store={store} group={group} />}
    </DatastoreFrame>
  );
}

/** The two snapshots; by default the one that is named and the one before it. */
function Choice({ store, group }: { store: string; group: NamedGroup }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [query, setQuery] = useSearchParams();
  const list = useCall(listSnapshots, groupParameters(store, group), { every: 60_000 });
  const times = (list.data ?? []).map((one) => one['backup-time']);
  const to = times.find((time) => String(time) === query.get('to')) ?? times.at(-1);
  const from =
    times.find((time) => String(time) === query.get('from')) ??
    times.findLast((time) => to !== undefined && time < to) ??
    times.find((time) => time !== to);
  const choose = (name: string, value: string): void =>
    setQuery(
      (old) => {
        old.set(name, value);
        return old;
      },
      { replace: true },
    );
  const choices = times.toReversed().map((time) => ({ id: String(time), label: dateTime(time, language) }));
  return (
    <>
      <h2>{t.title(groupTitle(group))}</h2>
      <p className={styles['buttons']}>
        <Link href={contentAddress(store, group.ns)}>{t.content}</Link>
        <Link href={groupAddress(store, group)}>{t.timeline}</Link>
      </p>
      <ErrorText error={list.error} />
      {from === undefined || to === undefined ? (
        list.data !== undefined && <p>{t.choose}</p>
      ) : (
        <>
          <div className={styles['choice']}>
            <Select label={t.from} choices={choices} value={String(from)} onChange={(id) => choose('from', id)} />
            <Select label={t.to} choices={choices} value={String(to)} onChange={(id) => choose('to', id)} />
          </div>
          <Chunks store={store} group={group} from={from} to={to} />
          <Files key={`${groupTitle(group)} ${from} ${to}`} store={store} group={group} from={from} to={to} />
        </>
      )}
    </>
  );
}

interface BothProps {
  store: string;
  group: NamedGroup;
  from: number;
  to: number;
}

const bothParameters = ({ store, group, from, to }: BothProps) => ({
  ...groupParameters(store, group),
  'backup-time': from,
  'other-time': to,
});

function Chunks(both: BothProps): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const overlap = useCall(compareChunks, bothParameters(both), { every: false });
  const { data } = overlap;
  const share = data === undefined || data.bytes === 0 ? 0 : data['bytes-shared'] / data.bytes;
  return (
    <Card title={t.chunks}>
      <ErrorText error={overlap.error} />
      {data !== undefined && (
        <>
          <Meter label={t.chunks} share={share} />
          <p>
            {t.shared(bytes(data['bytes-shared'], language), percent(share, language))};{' '}
            {t.fresh(bytes(data.bytes - data['bytes-shared'], language))};{' '}
            {t.gone(bytes(data['bytes-before'] - data['bytes-shared'], language))}.
          </p>
          <p className="quiet">{t.chunksHelp}</p>
        </>
      )}
    </Card>
  );
}

/** After so many differences somebody has to ask for more. */
const rest = 5000;
const pageLength = 1000;

/** Pages of differences, one after the other, until there are many. Another pair of snapshots is another instance. */
function useDifferences(both: BothProps) {
  const [found, setFound] = useState<Difference[]>([]);
  const [unreadable, setUnreadable] = useState<Page['unreadable']>([]);
  const [next, setNext] = useState<string>();
  const [wanted, setWanted] = useState(rest);
  const [isRunning, setRunning] = useState(true);
  const [error, setError] = useState<Error>();
  const read = useEffectEvent(async (least: number, signal: AbortSignal): Promise<void> => {
    let count = found.length;
    let after = next;
    setRunning(true);
    do {
      const parameters = { ...bothParameters(both), limit: pageLength };
      const page = await call(compareSnapshots, after === undefined ? parameters : { ...parameters, after }, {
        signal,
      });
      count += page.entries.length;
      after = page.next;
      setFound((old) => [...old, ...page.entries]);
      setUnreadable(page.unreadable);
      setNext(after);
    } while (after !== undefined && count < least);
    setRunning(false);
  });
  useEffect(() => {
    const stop = new AbortController();
    read(wanted, stop.signal).catch((cause: Error) => {
      if (stop.signal.aborted) return;
      setError(cause);
      setRunning(false);
    });
    return () => stop.abort();
  }, [wanted]);
  const isMore = !isRunning && next !== undefined;
  return { found, unreadable, isRunning, error, more: isMore ? () => setWanted(found.length + rest) : undefined };
}

const levels: Record<Difference['change'], Level> = { added: 'good', removed: 'bad', changed: 'busy' };

function Files(both: BothProps): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [filter, setFilter] = useState('');
  const { found, unreadable, isRunning, error, more } = useDifferences(both);
  const count = (change: Difference['change']): string =>
    number(found.filter((one) => one.change === change).length, language);
  const columns: Column<Difference>[] = [
    { id: 'path', header: t.path, value: (one) => one.path, cell: pathCell, width: 'minmax(var(--name), 4fr)' },
    {
      id: 'change',
      header: t.change,
      value: (one) => t[one.change],
      cell: (one) => (
        <span className={styles['verified']}>
          <State level={levels[one.change]}>{t[one.change]}</State>
        </span>
      ),
      width: 'var(--verification)',
    },
    sizeColumn('before', t.before, (one) => one['size-before'], language),
    sizeColumn('after', t.after, (one) => one.size, language),
    sizeColumn('difference', t.difference, differenceOf, language),
    {
      id: 'time',
      header: t.time,
      value: (one) => one.mtime ?? one['mtime-before'],
      isNumber: true,
      isExtra: true,
      cell: (one) => {
        const time = one.mtime ?? one['mtime-before'];
        return time === undefined ? '' : dateTime(time, language);
      },
      width: '13rem',
    },
  ];
  return (
    <Card title={t.files}>
      <Unreadable both={both} unreadable={unreadable} />
      <ErrorText error={error} />
      <p role="status">
        {isRunning && `${t.searching} `}
        {t.counts(count('added'), count('changed'), count('removed'))} {(isRunning || more !== undefined) && t.soFar}
      </p>
      <p className="quiet">{t.rule}</p>
      <TextInput label={t.filter} type="search" value={filter} onChange={setFilter} />
      <div className={styles['tree']}>
        <DataTable
          label={t.files}
          columns={columns}
          rows={isRunning && found.length === 0 ? undefined : found}
          rowId={(one) => one.filepath}
          empty={t.none}
          filter={filter}
        />
      </div>
      {more !== undefined && <Button onPress={more}>{t.more}</Button>}
    </Card>
  );
}

const pathCell = (one: Difference): ReactNode => (
  <span className={styles['notes']} title={one.path}>
    {one.path}
    {one.type === 'd' ? '/' : ''}
  </span>
);

/** How much larger it became; of what came or went its whole size. */
function differenceOf(one: Difference): number | undefined {
  if (one.size === undefined && one['size-before'] === undefined) return undefined;
  return (one.size ?? 0) - (one['size-before'] ?? 0);
}

function sizeColumn(
  id: string,
  header: string,
  value: (one: Difference) => number | undefined,
  language: string,
): Column<Difference> {
  return {
    id,
    header,
    value,
    isNumber: true,
    isExtra: true,
    cell: (one) => {
      const size = value(one);
      if (size === undefined) return '';
      return `${id === 'difference' && size > 0 ? '+' : ''}${bytes(size, language)}`;
    },
    width: id === 'difference' ? '7.5rem' : '6.5rem',
  };
}

/** What cannot be looked into here, and the command that does it where the key is. */
function Unreadable({ both, unreadable }: { both: BothProps; unreadable: Page['unreadable'] }): ReactNode {
  const t = useTexts(words);
  const user = useSession()?.user ?? '';
  const { store, group, from, to } = both;
  return (['encrypted', 'no-catalog'] as const).map((reason) => {
    const files = unreadable.filter((one) => one.reason === reason).map(({ filename }) => filename);
    if (files.length === 0) return null;
    const name = (time: number): string =>
      snapshotText({ 'backup-type': group.type, 'backup-id': group.id, 'backup-time': time });
    const command = [
      'proxmox-backup-client diff archive',
      name(from),
      name(to),
      files[0]!.replace(/\.didx$/, ''),
      ...(group.ns === '' ? [] : ['--ns', group.ns]),
      ...(reason === 'encrypted' ? ['--keyfile', 'KEYFILE'] : []),
      '--repository',
      `${user}@${location.hostname}:${location.port || 8007}:${store}`,
    ].join(' ');
    return (
      <div key={reason} className={styles['unreadable']}>
        <p>{reason === 'encrypted' ? t.encrypted(files.join(', ')) : t.noCatalog(files.join(', '))}</p>
        <CopyText label={t.title(groupTitle(group))}>{command}</CopyText>
      </div>
    );
  });
}
