// What can be done with namespaces, groups and snapshots: the menus, and the dialogs that they open.

import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import { verifyBackups } from '../../../src/api/admin/datastore/jobs.contract.ts';
import { setProtected } from '../../../src/api/admin/datastore/snapshots.contract.ts';
import { ownerMatches } from '../../../src/model/auth-id.ts';
import type { Privilege } from '../../../src/model/privileges.ts';
import { call } from '../../base/api.ts';
import { useRefresh } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useSession } from '../../base/session.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { ErrorText } from '../../parts/field.tsx';
import type { MenuAction } from '../../parts/menu.tsx';
import { TaskDialog } from '../../parts/task-log.tsx';
import { taskName } from '../../parts/task-name.ts';
import { compareAddress, contentAddress, filesAddress, groupAddress, pruneAddress } from './addresses.ts';
import styles from './content.module.css';
import { NamespaceDialog, NotesDialog, OwnerDialog } from './edit-dialogs.tsx';
import { ForgetDialog } from './forget-dialog.tsx';
import { type GroupNode, nameParameters, ownerOf, type SnapshotNode, type Target } from './nodes.ts';
import { words } from './texts.ts';

type Doing =
  | { kind: 'notes'; node: GroupNode | SnapshotNode }
  | { kind: 'owner'; node: GroupNode }
  | { kind: 'forget'; nodes: readonly Target[] }
  | { kind: 'namespace'; parent: string };

export interface ContentActions {
  /** The menu of one. */
  of(node: Target): MenuAction[];
  /** What can be done with all of them at once. */
  ofAll(nodes: readonly Target[]): MenuAction[];
  /** Asks for a new namespace; undefined for whoever may not make one. */
  newNamespace: (() => void) | undefined;
  mayPrune: boolean;
  /** To be drawn: the dialog that is open. */
  dialogs: ReactNode;
}

interface Options {
  /** The namespace that is looked at. */
  ns: string;
  /** Shows what there is to know of a snapshot. */
  onDetails?(node: SnapshotNode): void;
  /** Called when things are gone. */
  onForgotten?(): void;
}

/** Who may do what: any of `full` on the namespace, or any of `owned` and being the owner. */
const rights = {
  verify: { full: ['Datastore.Verify'], owned: ['Datastore.Backup'] },
  change: { full: ['Datastore.Modify'], owned: ['Datastore.Backup'] },
  remove: { full: ['Datastore.Modify'], owned: ['Datastore.Prune'] },
  read: { full: ['Datastore.Read'], owned: ['Datastore.Backup'] },
} as const satisfies Record<string, { full: readonly Privilege[]; owned: readonly Privilege[] }>;

export function useActions(store: string, { ns, onDetails, onForgotten }: Options): ContentActions {
  const t = useTexts(words);
  const { may } = usePermissions();
  const refresh = useRefresh();
  const user = useSession()?.user ?? '';
  const [doing, setDoing] = useState<Doing>();
  const [tasks, setTasks] = useState<string[]>([]);
  const [error, setError] = useState<string>();
  const close = (): void => setDoing(undefined);

  const path = (inside: string): string => (inside === '' ? `/datastore/${store}` : `/datastore/${store}/${inside}`);
  const can = (right: keyof typeof rights, node: Target): boolean => {
    const owner = ownerOf(node);
    if (may(path(node.ns), ...rights[right].full)) return true;
    return owner !== undefined && may(path(node.ns), ...rights[right].owned) && ownerMatches(owner, user);
  };
  const canRemove = (node: Target): boolean =>
    node.kind === 'namespace'
      ? may(path(node.ns.split('/').slice(0, -1).join('/')), 'Datastore.Modify')
      : can('remove', node);

  /** One after the other; what fails does not keep the others. */
  const each = async <T,>(nodes: readonly T[], act: (node: T) => Promise<unknown>): Promise<void> => {
    const failures: string[] = [];
    for (const node of nodes) await act(node).catch((cause: Error) => failures.push(cause.message));
    refresh();
    if (failures.length === 0) return;
    const done = nodes.length - failures.length;
    const head = nodes.length === 1 ? [] : [t.failed(done, nodes.length)];
    setError([...head, ...new Set(failures)].join('\n'));
  };

  const verify = (nodes: readonly Target[]): void => {
    const started: string[] = [];
    void each(nodes, async (node) => {
      const named = node.kind === 'namespace' ? { store, ns: node.ns } : nameParameters(node, store);
      // Who asks for one snapshot wants to know about it now; of many, those that are due.
      const one =
        node.kind === 'snapshot' ? { 'backup-time': node.snapshot['backup-time'], 'ignore-verified': false } : {};
      started.push(await call(verifyBackups, { ...named, ...one }));
    }).then(() => setTasks(started));
  };
  const protect = (nodes: readonly SnapshotNode[], value: boolean): void =>
    void each(nodes, (node) =>
      call(setProtected, {
        ...nameParameters(node, store),
        'backup-time': node.snapshot['backup-time'],
        protected: value,
      }),
    );

  const whenAllowed = (allowed: boolean, ...actions: MenuAction[]): MenuAction[] => (allowed ? actions : []);
  const forget = (nodes: readonly Target[]): MenuAction => ({
    id: 'forget',
    label: t.forget,
    icon: 'trash',
    isDanger: true,
    run: () => setDoing({ kind: 'forget', nodes }),
  });
  const verifying = (nodes: readonly Target[]): MenuAction => ({
    id: 'verify',
    label: t.verify,
    icon: 'check',
    run: () => verify(nodes),
  });
  const notes = (node: GroupNode | SnapshotNode): MenuAction => ({
    id: 'notes',
    label: t.editNotes,
    icon: 'note',
    run: () => setDoing({ kind: 'notes', node }),
  });

  const of = (node: Target): MenuAction[] => {
    const last = [
      ...whenAllowed(can('verify', node), verifying([node])),
      ...(node.kind === 'namespace' ? [] : whenAllowed(can('change', node), notes(node))),
    ];
    switch (node.kind) {
      case 'namespace':
        return [
          { id: 'open', label: t.openHere, icon: 'folder', to: contentAddress(store, node.ns) },
          ...last,
          ...whenAllowed(may(path(node.ns), 'Datastore.Modify', 'Datastore.Prune'), {
            id: 'prune',
            label: t.prune,
            icon: 'settings',
            to: pruneAddress(store, { ns: node.ns }),
          }),
          ...whenAllowed(may(path(node.ns), 'Datastore.Modify'), {
            id: 'namespace',
            label: t.newNamespace,
            icon: 'plus',
            run: () => setDoing({ kind: 'namespace', parent: node.ns }),
          }),
          ...whenAllowed(canRemove(node), forget([node])),
        ];
      case 'group': {
        const group = addressOfGroup(node);
        return [
          { id: 'timeline', label: t.timeline, icon: 'calendar', to: groupAddress(store, group) },
          ...last,
          ...whenAllowed(can('change', node), {
            id: 'owner',
            label: t.changeOwner,
            icon: 'user',
            run: () => setDoing({ kind: 'owner', node }),
          }),
          ...whenAllowed(can('remove', node), {
            id: 'prune',
            label: t.prune,
            icon: 'settings',
            to: pruneAddress(store, group),
          }),
          ...whenAllowed(canRemove(node), forget([node])),
        ];
      }
      case 'snapshot': {
        const group = addressOfGroup(node);
        const { 'backup-time': time, protected: isProtected } = node.snapshot;
        return [
          ...(onDetails === undefined
            ? []
            : [{ id: 'details', label: t.details, icon: 'info' as const, run: () => onDetails(node) }]),
          ...whenAllowed(
            can('read', node),
            { id: 'browse', label: t.browse, icon: 'folder', to: filesAddress(store, group, time) },
            { id: 'compare', label: t.compare, icon: 'copy', to: compareAddress(store, group, { to: time }) },
          ),
          ...last,
          ...whenAllowed(can('change', node), {
            id: 'protect',
            label: isProtected ? t.unprotect : t.protect,
            icon: 'shield',
            run: () => protect([node], !isProtected),
          }),
          ...whenAllowed(canRemove(node), forget([node])),
        ];
      }
    }
  };

  const ofAll = (nodes: readonly Target[]): MenuAction[] => {
    const snapshots = nodes.filter((node) => node.kind === 'snapshot');
    const [first, second] = snapshots.toSorted((a, b) => a.snapshot['backup-time'] - b.snapshot['backup-time']);
    const areTwo = nodes.length === 2 && second !== undefined && sameGroup(first!, second);
    const changeable = snapshots.length === nodes.length && nodes.every((node) => can('change', node));
    return [
      ...whenAllowed(
        nodes.every((node) => can('verify', node)),
        verifying(nodes),
      ),
      ...whenAllowed(
        changeable,
        { id: 'protect', label: t.protect, icon: 'shield', run: () => protect(snapshots, true) },
        { id: 'unprotect', label: t.unprotect, run: () => protect(snapshots, false) },
      ),
      ...(areTwo && can('read', first!)
        ? [
            {
              id: 'compare',
              label: t.compareTwo,
              icon: 'copy' as const,
              to: compareAddress(store, addressOfGroup(first!), {
                from: first!.snapshot['backup-time'],
                to: second.snapshot['backup-time'],
              }),
            },
          ]
        : []),
      ...whenAllowed(nodes.every(canRemove), forget(nodes)),
    ];
  };

  const dialogs = (
    <>
      {doing?.kind === 'notes' && <NotesDialog store={store} node={doing.node} onClose={close} />}
      {doing?.kind === 'owner' && <OwnerDialog store={store} node={doing.node} onClose={close} />}
      {doing?.kind === 'namespace' && <NamespaceDialog store={store} parent={doing.parent} onClose={close} />}
      {doing?.kind === 'forget' && (
        <ForgetDialog
          store={store}
          nodes={doing.nodes}
          onClose={close}
          {...(onForgotten === undefined ? {} : { onForgotten })}
        />
      )}
      <TaskDialog upid={tasks.length === 1 ? tasks[0] : undefined} onClose={() => setTasks([])} />
      <Dialog title={t.started} isOpen={tasks.length > 1} onClose={() => setTasks([])}>
        <ul className={styles['files']}>
          {tasks.map((upid) => (
            <li key={upid}>
              <Link href={`/tasks/${encodeURIComponent(upid)}`}>{taskName(upid)}</Link>
            </li>
          ))}
        </ul>
      </Dialog>
      <Dialog
        title={t.failedTitle}
        isOpen={error !== undefined}
        onClose={() => setError(undefined)}
        buttons={<Button onPress={() => setError(undefined)}>{t.close}</Button>}
      >
        <ErrorText error={error} />
      </Dialog>
    </>
  );
  const newNamespace = may(path(ns), 'Datastore.Modify')
    ? () => setDoing({ kind: 'namespace', parent: ns })
    : undefined;
  const mayPrune = may(path(ns), 'Datastore.Modify', 'Datastore.Prune');
  return { of, ofAll, newNamespace, mayPrune, dialogs };
}

function addressOfGroup(node: GroupNode | SnapshotNode) {
  const item = node.kind === 'group' ? node.group : node.snapshot;
  return { ns: node.ns, type: item['backup-type'], id: item['backup-id'] };
}

function sameGroup(a: SnapshotNode, b: SnapshotNode): boolean {
  const [x, y] = [addressOfGroup(a), addressOfGroup(b)];
  return x.ns === y.ns && x.type === y.type && x.id === y.id;
}
