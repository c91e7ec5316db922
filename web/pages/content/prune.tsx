// The prune simulator: keep options over the real snapshots of a group, or of all groups of a namespace. What would stay,
// what would go and why, and how much that frees is the server's answer to each change; nothing happens until it is
// confirmed. In the address: namespace, group and the options.

import { type ReactNode, useEffect, useEffectEvent, useMemo, useState } from 'react';
import { Link, useLocation, useParams, useSearchParams } from 'wouter';
import { pruneDatastore, pruneGroup } from '../../../src/api/admin/datastore/jobs.contract.ts';
import { simulatePrune } from '../../../src/api/admin/datastore/simulation.contract.ts';
import { listSnapshots } from '../../../src/api/admin/datastore/snapshots.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { call } from '../../base/api.ts';
import { bytes, dateTime, number } from '../../base/format.ts';
import { useCall, useRefresh } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useSettings } from '../../base/settings.ts';
import { useSettled } from '../../base/settled.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { type Column, DataTable } from '../../parts/data-table.tsx';
import { DatastoreFrame } from '../../parts/datastore-frame.tsx';
import { Confirm } from '../../parts/dialog.tsx';
import { ErrorText, Select } from '../../parts/field.tsx';
import { useDepths } from '../../parts/namespace-fields.tsx';
import { Card } from '../../parts/page.tsx';
import { type Level, State } from '../../parts/state.tsx';
import { TaskDialog } from '../../parts/task-log.tsx';
import { contentAddress, pruneAddress } from './addresses.ts';
import { groupOfQuery, groupParameters, groupTitle, type NamedGroup } from './group-address.ts';
import { type KeepOptions, keepOptionsOf } from './keep-options.ts';
import { KeepSliders } from './keep-sliders.tsx';
import { snapshotText } from './nodes.ts';
import styles from './prune.module.css';
import { words } from './prune-texts.ts';
import { Timeline } from './timeline.tsx';

type Simulation = Result<typeof simulatePrune>;
type Decided = NonNullable<Simulation['snapshots']>[number];
type GroupSums = Simulation['groups'][number];

/** How long nothing was changed before the server is asked, milliseconds. */
const settledMs = 200;

export default function PrunePage(): ReactNode {
  const { store = '' } = useParams<{ store: string }>();
  const [query, setQuery] = useSearchParams();
  const group = groupOfQuery(query);
  const ns = query.get('ns') ?? '';
  const [keep, setKeep] = useState(() => keepOptionsOf(query));
  const settled = useSettled(keep, settledMs);
  const write = useEffectEvent((options: KeepOptions) =>
    setQuery(
      (old) => {
        for (const name of [...old.keys()]) if (name.startsWith('keep-')) old.delete(name);
        for (const [name, count] of Object.entries(options)) old.set(name, String(count));
        return old;
      },
      { replace: true },
    ),
  );
  // The address follows the options.
  useEffect(() => write(settled), [settled]);
  return (
    <Simulator
      key={`${store}:${ns}:${group?.type}/${group?.id}`}
      store={store}
      ns={ns}
      group={group}
      keep={keep}
      settled={settled}
      onKeep={setKeep}
    />
  );
}

interface SimulatorProps {
  store: string;
  ns: string;
  group: NamedGroup | undefined;
  /** As the sliders stand, and as they stood when they were last let go. */
  keep: KeepOptions;
  settled: KeepOptions;
  onKeep(keep: KeepOptions): void;
}

function Simulator({ store, ns, group, keep, settled, onKeep }: SimulatorProps): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { may } = usePermissions();
  const refresh = useRefresh();
  const [depth, setDepth] = useState('');
  const [isAsked, setAsked] = useState(false);
  const [task, setTask] = useState<string>();
  const depths = useDepths();
  const deepest = group !== undefined || depth === '' ? {} : { 'max-depth': Number(depth) };
  const where = { store, ...(ns === '' ? {} : { ns }), ...deepest };
  const named = group === undefined ? {} : { 'backup-type': group.type, 'backup-id': group.id };
  const simulation = useCall(
    simulatePrune,
    { ...where, ...named, ...settled },
    // What is freed is counted meanwhile, where it is not known yet.
    { every: (result) => (result !== undefined && result['freed-bytes'] === undefined ? 3000 : 60_000) },
  );
  const { data } = simulation;
  const isSet = Object.keys(keep).length > 0;
  const isCounting = keep !== settled || data === undefined;
  const name = group === undefined ? t.all(store, ns) : groupTitle(group);
  const path = ns === '' ? `/datastore/${store}` : `/datastore/${store}/${ns}`;
  const mayRun = may(path, 'Datastore.Modify', 'Datastore.Prune');
  const run = async (): Promise<void> => {
    const upid =
      group === undefined
        ? await call(pruneDatastore, { ...where, ...settled })
        : await call(pruneGroup, { ...groupParameters(store, group), ...settled, 'use-task': true });
    if (typeof upid === 'string') setTask(upid);
  };
  return (
    <DatastoreFrame store={store} tab="content">
      <h2>{t.title(name)}</h2>
      <p>
        <Link href={contentAddress(store, ns)}>{t.content}</Link>
      </p>
      <KeepSliders keep={keep} onChange={onKeep} />
      {group === undefined && <Select label={t.below} choices={depths} value={depth} onChange={setDepth} />}
      <ErrorText error={simulation.error} />
      <Card>
        <div className={styles['result']}>
          <Sums data={data} isSet={isSet} isCounting={isCounting} />
          {mayRun && (
            <Button
              kind="danger"
              icon="trash"
              isDisabled={isCounting || data.removed === 0}
              onPress={() => setAsked(true)}
            >
              {t.apply}
            </Button>
          )}
        </div>
        {group !== undefined && data?.snapshots !== undefined && (
          <DecisionTimeline store={store} group={group} decided={data.snapshots} />
        )}
      </Card>
      {group === undefined ? (
        <GroupTable store={store} groups={data?.groups} settled={settled} />
      ) : (
        <DecisionTable decided={data?.snapshots} />
      )}
      <Confirm
        title={t.confirm(name)}
        isOpen={isAsked}
        onClose={() => setAsked(false)}
        action={t.run}
        name={group === undefined ? (ns === '' ? store : ns) : `${group.type}/${group.id}`}
        onConfirm={run}
      >
        {data !== undefined && (
          <p>
            {group === undefined
              ? t.goesIn(number(data.removed, language), data.groups.filter(({ removed }) => removed > 0).length)
              : t.goes(number(data.removed, language))}{' '}
            <Freed of={data} />
          </p>
        )}
      </Confirm>
      <TaskDialog
        upid={task}
        onClose={() => {
          setTask(undefined);
          refresh();
        }}
      />
    </DatastoreFrame>
  );
}

function Freed({ of }: { of: Pick<Simulation, 'freed-bytes'> }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const freed = of['freed-bytes'];
  return freed === undefined ? t.freedUnknown : t.freed(bytes(freed, language));
}

interface SumsProps {
  data: Simulation | undefined;
  isSet: boolean;
  isCounting: boolean;
}

function Sums({ data, isSet, isCounting }: SumsProps): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  if (data === undefined) return <p className="quiet">{t.counting}</p>;
  return (
    <p role="status" className={`${styles['sums']} ${isCounting ? styles['busy'] : ''}`}>
      <strong>{t.kept(number(data.kept, language))}</strong>
      <strong>{t.removed(number(data.removed, language))}</strong>
      <span>{isSet ? <Freed of={data} /> : t.none}</span>
    </p>
  );
}

const levels: Record<Decided['mark'], Level> = {
  keep: 'good',
  'keep-partial': 'warn',
  protected: 'busy',
  remove: 'bad',
};
const markWords = {
  keep: 'markKeep',
  'keep-partial': 'markPartial',
  protected: 'markProtected',
  remove: 'markRemove',
} as const;

interface DecisionTimelineProps {
  store: string;
  group: NamedGroup;
  decided: readonly Decided[];
}

function DecisionTimeline({ store, group, decided }: DecisionTimelineProps): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const snapshots = useCall(listSnapshots, groupParameters(store, group), { every: 60_000 });
  const points = useMemo(() => {
    const sizes = new Map((snapshots.data ?? []).map((one) => [one['backup-time'], one.size ?? 0]));
    return decided.map((one) => ({
      time: one['backup-time'],
      value: sizes.get(one['backup-time']) ?? 0,
      kind: one.mark,
      title: `${dateTime(one['backup-time'], language)}: ${t[markWords[one.mark]]}, ${one.reason}`,
    }));
  }, [decided, snapshots.data, language, t]);
  const kinds = useMemo(
    () =>
      (['keep', 'protected', 'remove'] as const).map((id) => {
        return { id, label: t[markWords[id]], level: levels[id], isHollow: id === 'remove' };
      }),
    [t],
  );
  return points.length === 0 ? null : <Timeline label={t.timeline} points={points} kinds={kinds} />;
}

function DecisionTable({ decided }: { decided: readonly Decided[] | undefined }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const columns = useMemo<Column<Decided>[]>(
    () => [
      {
        id: 'time',
        header: t.time,
        value: (one) => snapshotText(one),
        cell: (one) => <span title={snapshotText(one)}>{dateTime(one['backup-time'], language)}</span>,
        width: 'minmax(12rem, 1fr)',
      },
      {
        id: 'mark',
        header: t.decision,
        value: (one) => t[markWords[one.mark]],
        cell: (one) => <State level={levels[one.mark]}>{t[markWords[one.mark]]}</State>,
        width: '9rem',
      },
      { id: 'reason', header: t.reason, value: (one) => one.reason, isExtra: true, width: 'minmax(12rem, 2fr)' },
      {
        id: 'freed',
        header: t.frees,
        value: (one) => one['freed-bytes'],
        isNumber: true,
        isExtra: true,
        cell: (one) => (one.mark === 'remove' ? bytes(one['freed-bytes'], language) : ''),
        width: '7rem',
      },
    ],
    [t, language],
  );
  const rows = useMemo(() => decided?.toReversed(), [decided]);
  return <DataTable label={t.timeline} columns={columns} rows={rows} rowId={snapshotText} empty={t.empty} />;
}

interface GroupTableProps {
  store: string;
  groups: readonly GroupSums[] | undefined;
  settled: KeepOptions;
}

/** Every group with what would happen to it; opened with the same options. */
function GroupTable({ store, groups, settled }: GroupTableProps): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [, navigate] = useLocation();
  const nameOf = (one: GroupSums): NamedGroup => ({ ns: one.ns, type: one['backup-type'], id: one['backup-id'] });
  const columns: Column<GroupSums>[] = [
    { id: 'group', header: t.group, value: (one) => groupTitle(nameOf(one)), width: 'minmax(11rem, 3fr)' },
    { id: 'kept', header: t.keepCount, value: (one) => one.kept, isNumber: true, width: '5.5rem' },
    { id: 'removed', header: t.removeCount, value: (one) => one.removed, isNumber: true, width: '6.5rem' },
    {
      id: 'freed',
      header: t.frees,
      value: (one) => one['freed-bytes'],
      isNumber: true,
      isExtra: true,
      cell: (one) => bytes(one['freed-bytes'], language),
      width: '8rem',
    },
  ];
  return (
    <DataTable
      label={t.group}
      columns={columns}
      rows={groups}
      rowId={(one) => groupTitle(nameOf(one))}
      empty={t.empty}
      onOpen={(one) => navigate(pruneAddress(store, { ...nameOf(one), ...settled }))}
    />
  );
}
