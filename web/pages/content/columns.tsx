// The columns of the content: what is told of a namespace, a group, a snapshot.

import type { ReactNode } from 'react';
import { ago, bytes, dateTime } from '../../base/format.ts';
import type { Language } from '../../base/settings.ts';
import type { Column } from '../../parts/data-table.tsx';
import { Icon } from '../../parts/icon.tsx';
import { State } from '../../parts/state.tsx';
import styles from './content.module.css';
import { type ContentNode, encryptionOf, type GroupNode, groupText, nodeName, type Snapshot } from './nodes.ts';
import type { Words } from './texts.ts';

/** The columns, in the language of the user; `now` are epoch seconds. */
export function contentColumns(t: Words, language: Language, now: number): Column<ContentNode>[] {
  return [
    {
      id: 'name',
      header: t.name,
      value: (node) => (node.kind === 'wait' ? '' : nodeName(node)),
      cell: (node) => <Name node={node} t={t} language={language} />,
      width: 'minmax(var(--name), 3fr)',
    },
    {
      id: 'last',
      header: t.last,
      value: timeOf,
      isNumber: true,
      isExtra: true,
      cell: (node) => {
        const time = timeOf(node);
        return time === undefined ? '' : <span className="quiet">{ago(time, now, language)}</span>;
      },
      width: '7rem',
    },
    {
      id: 'size',
      header: t.size,
      value: (node) => (node.kind === 'snapshot' ? node.snapshot.size : undefined),
      isNumber: true,
      isExtra: true,
      cell: (node) => (node.kind === 'snapshot' ? bytes(node.snapshot.size, language) : ''),
      width: '6rem',
    },
    {
      id: 'unique',
      header: t.unique,
      value: (node) => node.unique,
      isNumber: true,
      isExtra: true,
      cell: (node) => (node.kind === 'wait' ? '' : bytes(node.unique, language)),
      width: '6rem',
    },
    {
      id: 'verify',
      header: t.verifyState,
      value: (node) => verifyText(node, t),
      cell: (node) => (
        <span className={styles['verified']}>
          <Verified node={node} t={t} />
        </span>
      ),
      width: 'var(--verification)',
    },
    {
      id: 'marks',
      header: t.marks,
      value: (node) => (node.kind === 'snapshot' ? markTexts(node.snapshot, t).join(' ') : ''),
      cell: (node) => (node.kind === 'snapshot' ? <Marks snapshot={node.snapshot} t={t} /> : ''),
      isExtra: true,
      width: '4.5rem',
    },
    {
      id: 'owner',
      header: t.owner,
      value: (node) => (node.kind === 'group' ? node.group.owner : undefined),
      isExtra: true,
      width: '7.5rem',
    },
    { id: 'notes', header: t.notes, value: notesOf, isExtra: true, cell: notesCell, width: 'minmax(4.5rem, 1fr)' },
  ];
}

function timeOf(node: ContentNode): number | undefined {
  if (node.kind === 'group') return node.group['last-backup'];
  return node.kind === 'snapshot' ? node.snapshot['backup-time'] : undefined;
}

function notesOf(node: ContentNode): string | undefined {
  if (node.kind === 'group') return node.group.comment;
  return node.kind === 'snapshot' ? node.snapshot.comment : undefined;
}

function notesCell(node: ContentNode): ReactNode {
  const notes = notesOf(node);
  return (
    <span className={styles['notes']} title={notes}>
      {notes}
    </span>
  );
}

interface CellProps {
  node: ContentNode;
  t: Words;
}

function Name({ node, t, language }: CellProps & { language: Language }): ReactNode {
  switch (node.kind) {
    case 'wait':
      return <span className="quiet">{node.error === undefined ? t.loading : node.error.message}</span>;
    case 'namespace':
      return (
        <>
          <Icon name="folder" />
          <strong>{node.ns.split('/').at(-1)}</strong>
        </>
      );
    case 'group':
      return (
        <>
          <Icon name={node.group['backup-type'] === 'host' ? 'server' : 'datastore'} />
          <span className={styles['notes']}>{groupText(node.group)}</span>
          <span className="quiet">({node.group['backup-count'].toLocaleString(language)})</span>
        </>
      );
    case 'snapshot':
      return (
        <>
          <Icon name="calendar" size={14} />
          <span className={styles['notes']} title={nodeName(node)}>
            {dateTime(node.snapshot['backup-time'], language)}
            {node.snapshot.size === undefined && <span className="quiet"> · {t.unfinished}</span>}
          </span>
        </>
      );
  }
}

function verifyText(node: ContentNode, t: Words): string {
  if (node.kind === 'snapshot') return t[verifyWord(node.snapshot)];
  return node.kind === 'group' && node.verified !== undefined ? groupVerifyText(node.verified, t) : '';
}

export const verifyWord = ({ verification }: Snapshot) =>
  verification === undefined ? 'notVerified' : verification.state === 'ok' ? 'verified' : 'damaged';

function groupVerifyText({ ok, failed, none }: NonNullable<GroupNode['verified']>, t: Words): string {
  if (failed > 0) return t.manyDamaged(failed);
  return none === 0 ? t.allVerified : t.someVerified(ok, ok + none);
}

function Verified({ node, t }: CellProps): ReactNode {
  const text = verifyText(node, t);
  if (text === '') return '';
  if (node.kind === 'group') {
    const { failed = 0, none = 0 } = node.verified ?? {};
    return <State level={failed > 0 ? 'bad' : none > 0 ? 'quiet' : 'good'}>{text}</State>;
  }
  return node.kind === 'snapshot' ? <VerifyState snapshot={node.snapshot} t={t} /> : '';
}

/** How the last verification of a snapshot ended. */
export function VerifyState({ snapshot, t }: { snapshot: Snapshot; t: Words }): ReactNode {
  const state = snapshot.verification?.state;
  return (
    <State level={state === undefined ? 'quiet' : state === 'ok' ? 'good' : 'bad'}>{t[verifyWord(snapshot)]}</State>
  );
}

/** What is particular about a snapshot, in words. */
export function markTexts(snapshot: Snapshot, t: Words): string[] {
  const encryption = encryptionOf(snapshot);
  return [...(encryption === 'none' ? [] : [t[encryption]]), ...(snapshot.protected ? [t.protected] : [])];
}

function Marks({ snapshot, t }: { snapshot: Snapshot; t: Words }): ReactNode {
  const encryption = encryptionOf(snapshot);
  return (
    <span className={styles['marks']} title={markTexts(snapshot, t).join(', ')}>
      {encryption !== 'none' && <Icon name={encryption === 'encrypted' ? 'lock' : 'edit'} size={16} />}
      {snapshot.protected && <Icon name="shield" size={16} />}
      <span className="unseen">{markTexts(snapshot, t).join(', ')}</span>
    </span>
  );
}
