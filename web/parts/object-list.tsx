// Objects of one kind in a table, with the dialogs that add, change and remove them. What is open is in the address
// (`?add=`, `?edit=`). A change carries the digest of what was shown when its form was opened: whoever changed the
// object meanwhile is not overwritten.

import { type ReactNode, useState } from 'react';
import { useSearchParams } from 'wouter';
import { useNarrow } from '../base/narrow.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from './button.tsx';
import { type Column, DataTable } from './data-table.tsx';
import { Confirm, Dialog } from './dialog.tsx';
import { TextInput } from './field.tsx';
import type { MenuAction } from './menu.tsx';
import { Bar, Card, Page } from './page.tsx';
import { RowActions, useActionsWidth } from './row-actions.tsx';

const words = texts({
  en: {
    edit: (name: string) => `Edit ${name}`,
    remove: (name: string) => `Remove ${name}`,
    actions: 'Actions',
    actionsOf: (name: string) => `Actions of ${name}`,
    doRemove: 'Remove',
    filter: 'Search',
  },
  de: {
    edit: (name) => `${name} bearbeiten`,
    remove: (name) => `${name} entfernen`,
    actions: 'Aktionen',
    actionsOf: (name) => `Aktionen zu ${name}`,
    doRemove: 'Entfernen',
    filter: 'Suchen',
  },
});

/** What a form in a dialog is told. */
export interface FormEnds {
  onDone(): void;
  onCancel(): void;
}

export interface AddForm {
  /** In the address. */
  id: string;
  /** Name of the button and of the dialog. */
  label: string;
  form(ends: FormEnds): ReactNode;
}

export interface EditForm<T> {
  isShown?(row: T): boolean;
  form(row: T, ends: FormEnds & { digest: string | undefined }): ReactNode;
}

export interface Removal<T> {
  isShown?(row: T): boolean;
  /** What goes, and what depends on it. */
  text(row: T): ReactNode;
  run(row: T, digest: string | undefined): Promise<unknown>;
  /** Whether its name has to be typed. */
  isTyped?: boolean;
}

interface Props<T> {
  title: string;
  /** In a card, where a page has several lists: the name of this one in the address. */
  part?: string;
  /** Above the table. */
  intro?: ReactNode;
  columns: readonly Column<T>[];
  rows: readonly T[] | undefined;
  error: Error | undefined;
  /** Of the configuration that the rows are from. */
  digest?: string | undefined;
  rowId(row: T): string;
  /** What people call it; by default its id. */
  nameOf?(row: T): string;
  empty?: ReactNode;
  sort?: { id: string; desc: boolean };
  /** These three are `false` for whoever may not do it. */
  add?: readonly AddForm[] | false;
  edit?: EditForm<T> | false;
  remove?: Removal<T> | false;
  /** More buttons beside those that add. */
  buttons?: ReactNode;
  /** A click on a row, where it does not open the form. */
  onOpen?(row: T): void;
  /** What else can be done with a row, before changing and removing it. */
  actions?(row: T): readonly MenuAction[];
}

export function ObjectList<T>(props: Props<T>): ReactNode {
  const { title, rows, rowId, nameOf = rowId, actions, digest } = props;
  const add = props.add || [];
  const edit = props.edit || undefined;
  const remove = props.remove || undefined;
  const t = useTexts(words);
  const [query, setQuery] = useSearchParams();
  const [filter, setFilter] = useState('');
  const [removed, setRemoved] = useState<{ row: T; digest: string | undefined }>();
  const key = (name: string): string => (props.part === undefined ? name : `${name}-${props.part}`);
  const show = (name: string, value: string | undefined): void =>
    setQuery((old) => {
      const next = new URLSearchParams(old);
      if (value === undefined) next.delete(key(name));
      else next.set(key(name), value);
      return next;
    });
  const adding = add.find((one) => one.id === query.get(key('add')));
  const editedId = query.get(key('edit'));
  const edited = edit === undefined ? undefined : rows?.find((row) => rowId(row) === editedId);
  const mayEdit = (row: T): boolean => edit !== undefined && (edit.isShown?.(row) ?? true);
  const actionsOf = (row: T): MenuAction[] => [
    ...(actions?.(row) ?? []),
    ...(mayEdit(row)
      ? [{ id: 'edit', label: t.edit(nameOf(row)), icon: 'edit', run: () => show('edit', rowId(row)) } as const]
      : []),
    ...(remove !== undefined && (remove.isShown?.(row) ?? true)
      ? [
          {
            id: 'remove',
            label: t.remove(nameOf(row)),
            icon: 'trash',
            isDanger: true,
            run: () => setRemoved({ row, digest }),
          } as const,
        ]
      : []),
  ];
  const hasActions = edit !== undefined || remove !== undefined || actions !== undefined;
  const isNarrow = useNarrow();
  const actionsWidth = useActionsWidth(Math.max(0, ...(rows ?? []).map((row) => actionsOf(row).length)));
  const columns: Column<T>[] = [
    ...props.columns,
    ...(hasActions
      ? [
          {
            id: 'actions',
            header: t.actions,
            isUnnamed: isNarrow,
            value: () => undefined,
            isFixed: true,
            isNumber: true,
            width: actionsWidth,
            cell: (row: T) => <RowActions label={t.actionsOf(nameOf(row))} actions={actionsOf(row)} />,
          },
        ]
      : []),
  ];
  const open = props.onOpen ?? (edit && ((row: T) => mayEdit(row) && show('edit', rowId(row))));
  const buttons = (add.length > 0 || Boolean(props.buttons)) && (
    <>
      {props.buttons}
      {add.map(({ id, label }) => (
        <Button
          key={id}
          icon="plus"
          kind={add.length === 1 && props.part === undefined ? 'primary' : 'normal'}
          onPress={() => show('add', id)}
        >
          {label}
        </Button>
      ))}
    </>
  );
  const content = (
    <>
      {props.intro}
      {(rows?.length ?? 0) > 12 && (
        <Bar>
          <TextInput label={t.filter} type="search" value={filter} onChange={setFilter} />
        </Bar>
      )}
      <DataTable
        label={title}
        columns={columns}
        rows={rows}
        error={props.error}
        rowId={rowId}
        empty={props.empty}
        filter={filter}
        {...(props.sort === undefined ? {} : { sort: props.sort })}
        {...(open === undefined ? {} : { onOpen: open })}
      />
      <Dialog title={adding?.label ?? ''} isOpen={adding !== undefined} onClose={() => show('add', undefined)}>
        {adding?.form({ onDone: () => show('add', undefined), onCancel: () => show('add', undefined) })}
      </Dialog>
      <Dialog
        title={edited === undefined ? '' : t.edit(nameOf(edited))}
        isOpen={edited !== undefined}
        onClose={() => show('edit', undefined)}
      >
        {edited !== undefined && edit !== undefined && (
          <AsOpened key={editedId} row={edited} digest={digest}>
            {(row, opened) =>
              edit.form(row, {
                digest: opened,
                onDone: () => show('edit', undefined),
                onCancel: () => show('edit', undefined),
              })
            }
          </AsOpened>
        )}
      </Dialog>
      {remove !== undefined && (
        <Confirm
          title={removed === undefined ? '' : t.remove(nameOf(removed.row))}
          isOpen={removed !== undefined}
          onClose={() => setRemoved(undefined)}
          action={t.doRemove}
          {...(remove.isTyped && removed !== undefined ? { name: nameOf(removed.row) } : {})}
          onConfirm={async () => removed !== undefined && (await remove.run(removed.row, removed.digest))}
        >
          {removed !== undefined && remove.text(removed.row)}
        </Confirm>
      )}
    </>
  );
  return props.part !== undefined ? (
    <Card title={title} actions={buttons || undefined}>
      {content}
    </Card>
  ) : (
    <Page title={title} actions={buttons || undefined}>
      {content}
    </Page>
  );
}

/** The row and its digest as they were when the form was opened, whatever the list learns meanwhile. */
function AsOpened<T>(props: {
  row: T;
  digest: string | undefined;
  children(row: T, digest: string | undefined): ReactNode;
}): ReactNode {
  const [{ row, digest }] = useState({ row: props.row, digest: props.digest });
  return props.children(row, digest);
}
