// One group over time: its snapshots as bars on a line and in a table, with how they were verified and kept.

import { type ReactNode, useMemo, useState } from 'react';
import { Link, useParams, useSearchParams } from 'wouter';
import { getAccounting } from '../../../src/api/admin/datastore/accounting.contract.ts';
import { listSnapshots } from '../../../src/api/admin/datastore/snapshots.contract.ts';
import { bytes, dateTime } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useSettings } from '../../base/settings.ts';
import { texts, useTexts } from '../../base/texts.ts';
import { LinkButton } from '../../parts/button.tsx';
import { DataTable } from '../../parts/data-table.tsx';
import { DatastoreFrame } from '../../parts/datastore-frame.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { MenuAt } from '../../parts/menu.tsx';
import { Card } from '../../parts/page.tsx';
import { useActions } from './actions.tsx';
import { contentAddress, pruneAddress } from './addresses.ts';
import { contentColumns, markTexts, verifyWord } from './columns.tsx';
import styles from './content.module.css';
import { groupOfQuery, groupParameters, groupTitle, type NamedGroup } from './group-address.ts';
import { accountId, groupId, type SnapshotNode } from './nodes.ts';
import { SnapshotDialog } from './snapshot-dialog.tsx';
import { words as contentWords } from './texts.ts';
import { Timeline, type TimelinePoint } from './timeline.tsx';

const words = texts({
  en: {
    none: 'The address names no group.',
    timeline: (group: string) => `Snapshots of ${group} over time`,
    content: 'Content',
    prune: 'Prune …',
  },
  de: {
    none: 'Die Adresse nennt keine Gruppe.',
    timeline: (group) => `Snapshots von ${group} über die Zeit`,
    content: 'Inhalt',
    prune: 'Prune …',
  },
});

export default function GroupPage(): ReactNode {
  const t = useTexts(words);
  const { store = '' } = useParams<{ store: string }>();
  const [query] = useSearchParams();
  const group = groupOfQuery(query);
  return (
    <DatastoreFrame store={store} tab="content">
      {group === undefined ? (
        <ErrorText error={t.none} />
      ) : (
        <GroupTimeline key={`${store}:${groupTitle(group)}`} store={store} group={group} />
      )}
    </DatastoreFrame>
  );
}

function GroupTimeline({ store, group }: { store: string; group: NamedGroup }): ReactNode {
  const t = useTexts(words);
  const c = useTexts(contentWords);
  const { language } = useSettings();
  const [query, setQuery] = useSearchParams();
  const [menu, setMenu] = useState<{ node: SnapshotNode; anchor: HTMLElement }>();
  const named = groupParameters(store, group);
  const snapshots = useCall(listSnapshots, named, { every: 20_000 });
  const account = useCall(
    getAccounting,
    { ...named, 'max-depth': 0, level: 'snapshot', limit: 10_000 },
    { every: 60_000 },
  );
  const nodes = useMemo(() => {
    const unique = new Map((account.data?.entries ?? []).map((one) => [accountId(one), one['unique-bytes']]));
    return snapshots.data
      ?.map((snapshot): SnapshotNode => {
        const id = `${groupId(group.ns, snapshot)}/${snapshot['backup-time']}`;
        return { kind: 'snapshot', id, ns: group.ns, snapshot, unique: unique.get(id) };
      })
      .reverse();
  }, [snapshots.data, account.data, group.ns]);
  const points = useMemo(
    () =>
      (snapshots.data ?? []).map((one): TimelinePoint => {
        const about = [c[verifyWord(one)], ...markTexts(one, c), bytes(one.size, language)].join(', ');
        const title = `${dateTime(one['backup-time'], language)}: ${about}`;
        return { time: one['backup-time'], value: one.size ?? 0, kind: verifyWord(one), title };
      }),
    [snapshots.data, c, language],
  );
  const kinds = useMemo(
    () => [
      { id: 'verified', label: c.verified, level: 'good' as const },
      { id: 'notVerified', label: c.notVerified, level: 'quiet' as const, isHollow: true },
      { id: 'damaged', label: c.damaged, level: 'bad' as const },
    ],
    [c],
  );
  const columns = useMemo(
    () => contentColumns(c, language, 0).filter(({ id }) => id !== 'owner' && id !== 'last'),
    [c, language],
  );
  const show = (time: number | undefined): void =>
    setQuery((old) => {
      if (time === undefined) old.delete('time');
      else old.set('time', String(time));
      return old;
    });
  const actions = useActions(store, { ns: group.ns, onDetails: (node) => show(node.snapshot['backup-time']) });
  const time = Number(query.get('time') ?? 0);
  return (
    <>
      <div className={styles['head']}>
        <h2>{groupTitle(group)}</h2>
        <span className={styles['buttons']}>
          <LinkButton to={pruneAddress(store, group)}>{t.prune}</LinkButton>
        </span>
      </div>
      <p>
        <Link href={contentAddress(store, group.ns)}>{t.content}</Link>
      </p>
      {points.length > 0 && (
        <Card>
          <Timeline
            label={t.timeline(groupTitle(group))}
            points={points}
            kinds={kinds}
            onOpen={(point) => show(point.time)}
          />
        </Card>
      )}
      <div className={styles['tree']}>
        <DataTable
          label={t.timeline(groupTitle(group))}
          columns={columns}
          rows={nodes}
          error={snapshots.error}
          rowId={(node) => node.id}
          empty={c.empty}
          onOpen={(node) => node.kind === 'snapshot' && show(node.snapshot['backup-time'])}
          onMenu={(node, anchor) => node.kind === 'snapshot' && setMenu({ node, anchor })}
        />
      </div>
      <MenuAt
        label={menu === undefined ? '' : c.actions(menu.node.id)}
        actions={menu === undefined ? [] : actions.of(menu.node)}
        anchor={menu?.anchor}
        onClose={() => setMenu(undefined)}
      />
      {actions.dialogs}
      {time > 0 && <SnapshotDialog store={store} snapshot={{ ...group, time }} onClose={() => show(undefined)} />}
    </>
  );
}
