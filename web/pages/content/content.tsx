// What a datastore holds: its namespaces, groups and snapshots, loaded as they are opened, and all that can be done with
// them. In the address: the namespace (`?ns=a/b`), the filter, and the snapshot that is looked at.

import { type ReactNode, useDeferredValue, useEffect, useEffectEvent, useMemo, useState } from 'react';
import { Link, useParams, useSearchParams } from 'wouter';
import { parseSnapshot } from '../../../src/model/backup.ts';
import { useNow } from '../../base/now.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Button, LinkButton } from '../../parts/button.tsx';
import { DataTable } from '../../parts/data-table.tsx';
import { DatastoreFrame } from '../../parts/datastore-frame.tsx';
import { ErrorText, TextInput } from '../../parts/field.tsx';
import { MenuAt } from '../../parts/menu.tsx';
import { Bar } from '../../parts/page.tsx';
import { VerifyNow } from '../../parts/verify-now.tsx';
import { useActions } from './actions.tsx';
import { contentAddress, pruneAddress } from './addresses.ts';
import { contentColumns } from './columns.tsx';
import styles from './content.module.css';
import { type ContentNode, nodeName, snapshotText, type Target, targetsOf } from './nodes.ts';
import { SnapshotDialog } from './snapshot-dialog.tsx';
import { words } from './texts.ts';
import { useContent } from './use-content.ts';

export default function ContentPage(): ReactNode {
  const { store = '' } = useParams<{ store: string }>();
  const [query] = useSearchParams();
  const ns = query.get('ns') ?? '';
  // Another namespace is another tree, with nothing open or selected.
  return <Content key={`${store}:${ns}`} store={store} ns={ns} />;
}

const writeAfterMs = 300;

function Content({ store, ns }: { store: string; ns: string }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const [query, setQuery] = useSearchParams();
  const [filter, setFilter] = useState(query.get('filter') ?? '');
  const [expanded, setExpanded] = useState<Record<string, boolean>>({});
  const [selected, setSelected] = useState<Set<string>>(new Set());
  const [menu, setMenu] = useState<{ node: Target; anchor: HTMLElement }>();
  const { tree, namespaces, error } = useContent(store, ns, expanded);
  const shownFilter = useDeferredValue(filter);

  const change = (name: string, value: string | undefined, replace: boolean): void =>
    setQuery(
      (old) => {
        if (value === undefined || value === '') old.delete(name);
        else old.set(name, value);
        return old;
      },
      { replace },
    );
  const write = useEffectEvent((text: string) => {
    if ((query.get('filter') ?? '') !== text) change('filter', text, true);
  });
  // The address follows the field, a little later.
  useEffect(() => {
    const timer = setTimeout(() => write(filter), writeAfterMs);
    return () => clearTimeout(timer);
  }, [filter]);

  const actions = useActions(store, {
    ns,
    onDetails: ({ snapshot, ns: inside }) => change('snapshot', `${inside}:${snapshotText(snapshot)}`, false),
    onForgotten: () => setSelected(new Set()),
  });
  const now = useNow(60);
  const columns = useMemo(() => contentColumns(t, language, now), [t, language, now]);
  const isChoosing = selected.size > 0;
  const byId = useMemo(
    () => new Map(isChoosing ? [...targetsOf(tree ?? [])].map((node) => [node.id, node]) : []),
    [tree, isChoosing],
  );
  const chosen = [...selected].flatMap((id) => byId.get(id) ?? []);
  const open = (node: ContentNode): void => {
    if (node.kind === 'snapshot') change('snapshot', `${node.ns}:${snapshotText(node.snapshot)}`, false);
    else if (node.kind !== 'wait') setExpanded((old) => ({ ...old, [node.id]: old[node.id] !== true }));
  };
  const looked = snapshotOf(query.get('snapshot'));
  return (
    <DatastoreFrame store={store} tab="content">
      <Path store={store} ns={ns} />
      <Bar>
        <div className={styles['grow']}>
          <TextInput label={t.filter} help={t.filterHelp} type="search" value={filter} onChange={setFilter} />
        </div>
        <div className={styles['buttons']}>
          <VerifyNow key={ns} store={store} ns={ns} />
          {actions.mayPrune && <LinkButton to={pruneAddress(store, { ns })}>{t.prune}</LinkButton>}
          {actions.newNamespace !== undefined && (
            <Button icon="plus" onPress={actions.newNamespace}>
              {t.newNamespace}
            </Button>
          )}
        </div>
      </Bar>
      {chosen.length > 0 && (
        <section className={styles['many']} aria-label={t.selected(chosen.length)}>
          <strong>{t.selected(chosen.length)}</strong>
          {actions.ofAll(chosen).map((action) =>
            action.to !== undefined ? (
              <LinkButton key={action.id} to={action.to}>
                {action.label}
              </LinkButton>
            ) : (
              <Button
                key={action.id}
                {...(action.icon === undefined ? {} : { icon: action.icon })}
                onPress={() => action.run?.()}
              >
                {action.label}
              </Button>
            ),
          )}
          <Button kind="plain" onPress={() => setSelected(new Set())}>
            {t.selectNone}
          </Button>
        </section>
      )}
      <ErrorText error={error} />
      <div className={styles['tree']}>
        <DataTable
          label={t.content(ns)}
          columns={columns}
          rows={tree}
          rowId={(node) => node.id}
          childrenOf={(node) => node.children}
          empty={namespaces.length > 1 || filter !== '' ? t.noMatch : t.empty}
          filter={shownFilter}
          expanded={expanded}
          onExpandedChange={setExpanded}
          selected={selected}
          onSelectedChange={setSelected}
          onOpen={open}
          onMenu={(node, anchor) => node.kind !== 'wait' && setMenu({ node, anchor })}
        />
      </div>
      <MenuAt
        label={menu === undefined ? '' : t.actions(nodeName(menu.node))}
        actions={menu === undefined ? [] : actions.of(menu.node)}
        anchor={menu?.anchor}
        onClose={() => setMenu(undefined)}
      />
      {actions.dialogs}
      {looked !== undefined && (
        <SnapshotDialog store={store} snapshot={looked} onClose={() => change('snapshot', undefined, false)} />
      )}
    </DatastoreFrame>
  );
}

/** `NS:vm/100/2026-02-11T10:00:00Z` of the address. */
function snapshotOf(text: string | null) {
  if (text === null) return undefined;
  const colon = text.indexOf(':');
  const snapshot = parseSnapshot(text.slice(colon + 1));
  return snapshot && { ...snapshot, ns: text.slice(0, Math.max(0, colon)) };
}

/** From the root to the namespace that is shown, each a link. */
function Path({ store, ns }: { store: string; ns: string }): ReactNode {
  const t = useTexts(words);
  if (ns === '') return null;
  const parts = ns.split('/');
  return (
    <nav aria-label={t.path}>
      <ol className={styles['path']}>
        <li>
          <Link href={contentAddress(store, '')}>{t.root}</Link>
        </li>
        {parts.map((part, i) => {
          const here = parts.slice(0, i + 1).join('/');
          return (
            <li key={here}>
              <span aria-hidden="true">/</span>
              {here === ns ? (
                <strong aria-current="page">{part}</strong>
              ) : (
                <Link href={contentAddress(store, here)}>{part}</Link>
              )}
            </li>
          );
        })}
      </ol>
    </nav>
  );
}
