// Asks before namespaces, groups or snapshots are removed: which, how many snapshots, and how many bytes that frees.

import type { ReactNode } from 'react';
import { getAccounting } from '../../../src/api/admin/datastore/accounting.contract.ts';
import { removeGroup } from '../../../src/api/admin/datastore/groups.contract.ts';
import { removeNamespace } from '../../../src/api/admin/datastore/namespace.contract.ts';
import { removeSnapshot } from '../../../src/api/admin/datastore/snapshots.contract.ts';
import { call } from '../../base/api.ts';
import { bytes } from '../../base/format.ts';
import { useCall, useRefresh } from '../../base/live.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Confirm } from '../../parts/dialog.tsx';
import styles from './content.module.css';
import { nameParameters, nodeName, type Target } from './nodes.ts';
import { words } from './texts.ts';

interface Props {
  store: string;
  nodes: readonly Target[];
  onClose(): void;
  onForgotten?(): void;
}

const shownNames = 8;

export function ForgetDialog({ store, nodes, onClose, onForgotten }: Props): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const refresh = useRefresh();
  const [first] = nodes;
  const forget = async (): Promise<void> => {
    const failures: string[] = [];
    for (const node of nodes) {
      await remove(store, node).catch((cause: Error) => failures.push(`${nodeName(node)}: ${cause.message}`));
    }
    refresh();
    if (failures.length > 0) {
      throw new Error([t.failed(nodes.length - failures.length, nodes.length), ...failures].join('\n'));
    }
    onForgotten?.();
  };
  const isOne = nodes.length === 1;
  const isProtected = isOne && first!.kind === 'snapshot' && first!.snapshot.protected;
  const going = nodes.filter((node) => node.kind !== 'snapshot' || !node.snapshot.protected);
  const known = going.every(({ unique }) => unique !== undefined);
  const sum = bytes(
    going.reduce((all, { unique = 0 }) => all + unique, 0),
    language,
  );
  return (
    <Confirm
      title={isOne ? t.forgetTitle(nodeName(first!)) : t.forgetMany(nodes.length)}
      isOpen
      onClose={onClose}
      action={t.forgetButton}
      name={isOne ? shortName(first!) : store}
      onConfirm={forget}
    >
      {isOne ? <WhatGoes store={store} node={first!} /> : <Names nodes={nodes} />}
      <p>{isProtected ? t.protectedStop : !known ? t.freesUnknown : isOne ? t.frees(sum) : t.freesAtLeast(sum)}</p>
    </Confirm>
  );
}

/** What is typed for one: of a snapshot that is its group. */
function shortName(node: Target): string {
  return node.kind === 'snapshot' ? nodeName(node).split('/').slice(0, 2).join('/') : nodeName(node);
}

function WhatGoes({ store, node }: { store: string; node: Target }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const ns = node.kind === 'namespace' ? node.ns : undefined;
  const account = useCall(
    getAccounting,
    { store, ns: ns ?? '', 'max-depth': 0, level: 'namespace' },
    { every: false, enabled: ns !== undefined },
  );
  switch (node.kind) {
    case 'snapshot':
      return <p>{t.forgetSnapshot}</p>;
    case 'group':
      return (
        <p>
          {t.forgetGroup(node.group['backup-count'])} {t.protectedStay}
        </p>
      );
    case 'namespace':
      return (
        <p>
          {t.forgetNamespace(account.data?.entries[0]?.snapshots?.toLocaleString(language) ?? '–')} {t.protectedStay}
        </p>
      );
  }
}

function Names({ nodes }: { nodes: readonly Target[] }): ReactNode {
  const t = useTexts(words);
  return (
    <>
      <p>{t.forgetList}</p>
      <ul className={styles['files']}>
        {nodes.slice(0, shownNames).map((node) => (
          <li key={node.id}>
            {node.ns === '' || node.kind === 'namespace' ? nodeName(node) : `${node.ns}: ${nodeName(node)}`}
          </li>
        ))}
        {nodes.length > shownNames && <li>{t.andMore(nodes.length - shownNames)}</li>}
      </ul>
      <p>{t.protectedStay}</p>
    </>
  );
}

async function remove(store: string, node: Target): Promise<unknown> {
  switch (node.kind) {
    case 'namespace':
      return await call(removeNamespace, { store, ns: node.ns, 'delete-groups': true });
    case 'group':
      return await call(removeGroup, nameParameters(node, store));
    case 'snapshot':
      return await call(removeSnapshot, {
        ...nameParameters(node, store),
        'backup-time': node.snapshot['backup-time'],
      });
  }
}
