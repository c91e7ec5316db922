// A table of any length: sorted by its headers, filtered by a text, rows may have children. Only the rows in view are
// drawn. Keyboard: arrows, Home, End, Page keys move, left and right close and open, Enter does what a click does,
// Space selects, Shift+F10 or the menu key opens the menu of a row.

import {
  columnFilteringFeature,
  createColumnHelper,
  createExpandedRowModel,
  createFilteredRowModel,
  createSortedRowModel,
  globalFilteringFeature,
  rowExpandingFeature,
  rowSelectionFeature,
  rowSortingFeature,
  sortFn_alphanumeric,
  sortFn_basic,
  tableFeatures,
  useTable,
} from '@tanstack/react-table';
import { useVirtualizer } from '@tanstack/react-virtual';
import {
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useEffectEvent,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { useRefresh } from '../base/live.ts';
import { useNarrow } from '../base/narrow.ts';
import { texts, useTexts } from '../base/texts.ts';
import styles from './data-table.module.css';
import { ErrorText, Retry } from './field.tsx';
import { type RowActs, TableRow } from './table-row.tsx';

const words = texts({
  en: {
    loading: 'Loading …',
    failed: 'This could not be loaded.',
    empty: 'Nothing here.',
    open: 'Open',
    select: 'Select',
    menu: 'Actions',
  },
  de: {
    loading: 'Wird geladen …',
    failed: 'Das konnte nicht geladen werden.',
    empty: 'Nichts vorhanden.',
    open: 'Öffnen',
    select: 'Auswählen',
    menu: 'Aktionen',
  },
});

const features = tableFeatures({
  rowSortingFeature,
  rowExpandingFeature,
  rowSelectionFeature,
  columnFilteringFeature,
  globalFilteringFeature,
  sortedRowModel: createSortedRowModel(),
  expandedRowModel: createExpandedRowModel(),
  filteredRowModel: createFilteredRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric, basic: sortFn_basic },
});

export interface Column<T> {
  id: string;
  header: string;
  /** What it is sorted and searched by. */
  value(row: T): string | number | boolean | undefined;
  /** What is shown; by default the value. */
  cell?(row: T): ReactNode;
  /** A track of a CSS grid: `8rem`, `minmax(10rem, 2fr)`. Default `minmax(6rem, 1fr)`. */
  width?: string;
  /** Numbers stand at the right. */
  isNumber?: boolean;
  /** Left out where the screen is narrow. */
  isExtra?: boolean;
  /** Its header is for screen readers only. */
  isUnnamed?: boolean;
  /** No sorting by this one: buttons. */
  isFixed?: boolean;
}

interface Props<T> {
  /** What the table lists, for screen readers. */
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[] | undefined;
  rowId(row: T): string;
  /** Why there are no rows, or none that are fresh. */
  error?: Error | undefined;
  /** Shown where there are no rows. */
  empty?: ReactNode;
  /** Only rows that contain the text. */
  filter?: string;
  sort?: { id: string; desc: boolean };
  /** A click on a row, or Enter. */
  onOpen?(row: T): void;
  /** Children; an empty list can be opened, undefined cannot. */
  childrenOf?(row: T): readonly T[] | undefined;
  expanded?: Readonly<Record<string, boolean>>;
  onExpandedChange?(expanded: Record<string, boolean>): void;
  selected?: ReadonlySet<string>;
  onSelectedChange?(selected: Set<string>): void;
  /** Gives each row a button for its menu, which opens at the element (`MenuAt`). */
  onMenu?(row: T, anchor: HTMLElement): void;
  /** Height of the scrolling part; default grows with the rows up to 70 % of the window. */
  height?: string;
  /** The last rows came into view: time to load more. */
  onEnd?(): void;
  /** There are rows behind those that are known. */
  hasMore?: boolean;
}

const rowHeight = 38;

/** The track of a column, wide enough for its header where there is room for that. */
function trackOf(
  { header, width = 'minmax(6rem, 1fr)', isUnnamed }: Pick<Column<never>, 'header' | 'width' | 'isUnnamed'>,
  isNarrow: boolean,
): string {
  if (isNarrow || isUnnamed) return width;
  const [, least, most] = /^minmax\((.+), (.+)\)$/.exec(width) ?? [];
  const needed = `calc(${header.length + 1}ch + 1.4rem)`;
  return most === undefined ? `max(${width}, ${needed})` : `minmax(max(${least}, ${needed}), ${most})`;
}
const noRows: never[] = [];

export function DataTable<T>(props: Props<T>): ReactNode {
  const { columns, rows, rowId, filter = '', onOpen, childrenOf, onSelectedChange, onMenu } = props;
  const t = useTexts(words);
  const narrow = useNarrow();
  const refresh = useRefresh();
  const shown = useMemo(() => columns.filter((column) => !narrow || column.isExtra !== true), [columns, narrow]);
  const [sorting, setSorting] = useState(props.sort === undefined ? [] : [props.sort]);
  const [ownExpanded, setOwnExpanded] = useState<Record<string, boolean>>({});
  const expanded = props.expanded ?? ownExpanded;
  const definitions = useMemo(() => {
    const helper = createColumnHelper<typeof features, T & object>();
    return shown.map((column) =>
      helper.accessor((row): unknown => column.value(row), {
        id: column.id,
        enableSorting: column.isFixed !== true,
        sortFn: column.isNumber ? 'basic' : 'alphanumeric',
        sortUndefined: 'last',
      }),
    );
  }, [shown]);
  const keyOf = useMemo(() => {
    const keys = new WeakMap<object, string>();
    // A text is looked for in texts: figures are shown in another form than they have.
    const texts = shown.filter((column) => column.isNumber !== true);
    return (row: T & object): string => {
      const known = keys.get(row);
      if (known !== undefined) return known;
      const key = texts
        .map((column) => column.value(row) ?? '')
        .join('\n')
        .toLowerCase();
      keys.set(row, key);
      return key;
    };
  }, [shown]);
  const byId = useMemo(() => new Map(shown.map((column) => [column.id, column])), [shown]);
  const table = useTable({
    features,
    columns: definitions,
    data: (rows ?? noRows) as readonly (T & object)[] as (T & object)[],
    getRowId: rowId,
    ...(childrenOf === undefined ? {} : { getSubRows: (row: T) => childrenOf(row) as (T & object)[] | undefined }),
    getRowCanExpand: (row) => childrenOf?.(row.original) !== undefined,
    state: { sorting, expanded, globalFilter: filter.toLowerCase() },
    globalFilterFn: (row, _, text: string) => keyOf(row.original).includes(text),
    // What is open stays open when fresh rows come.
    autoResetExpanded: false,
    // The key has the texts of all columns: it is asked once a row.
    getColumnCanGlobalFilter: ({ id }) => id === shown[0]?.id,
    filterFromLeafRows: true,
    // All rows are one page, and stay as they are opened and sorted when they come anew.
    paginateExpandedRows: true,
    autoResetAll: false,
    onSortingChange: setSorting,
    onExpandedChange: (change) => {
      const next = (typeof change === 'function' ? change(expanded) : change) as Record<string, boolean>;
      (props.onExpandedChange ?? setOwnExpanded)(next);
    },
  });
  const list = table.getRowModel().rows;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: list.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 5,
    // Fixes up the first paint, before the element is measured.
    initialRect: { width: 800, height: 600 },
  });
  const items = virtual.getVirtualItems();
  const nearEnd = (props.hasMore ?? false) && (items.at(-1)?.index ?? 0) >= list.length - 30;
  const loadMore = useEffectEvent(() => props.onEnd?.());
  /** Behind how many rows more are wanted: another number with each page that comes. */
  const wantedBehind = nearEnd ? list.length : undefined;
  useEffect(() => {
    if (wantedBehind === undefined) return;
    loadMore();
    // What could not be loaded is asked for again, as long as the end is in view.
    const timer = setInterval(() => loadMore(), 2000);
    return () => clearInterval(timer);
  }, [wantedBehind]);
  const [active, setActive] = useState(0);
  const wantsFocus = useRef(false);
  const current = Math.min(active, Math.max(0, list.length - 1));
  useEffect(() => {
    if (!wantsFocus.current) return;
    const row = scroller.current?.querySelector<HTMLElement>(`[data-index="${current}"]`);
    // A row far away is drawn only after the list has scrolled there.
    if (row === null || row === undefined) return;
    wantsFocus.current = false;
    row.focus({ preventScroll: true });
  });
  /** Scrolls as little as brings the row into view; all rows have one height, and the head covers the first of it. */
  const reveal = (index: number): void => {
    const frame = scroller.current!;
    const visible = frame.clientHeight - (frame.querySelector('[role=rowgroup]')?.clientHeight ?? 0);
    const top = index * rowHeight;
    if (top < frame.scrollTop) frame.scrollTop = top;
    else if (top + rowHeight > frame.scrollTop + visible) frame.scrollTop = top + rowHeight - visible;
  };
  const go = (index: number): void => {
    const to = Math.max(0, Math.min(list.length - 1, index));
    setActive(to);
    reveal(to);
    const row = scroller.current?.querySelector<HTMLElement>(`[data-index="${to}"]`);
    wantsFocus.current = row === null;
    // The row at hand may go out of view before the one that is wanted is drawn: keys must not be lost meanwhile.
    (row ?? scroller.current)?.focus({ preventScroll: true });
  };
  const toggleSelected = (id: string): void => {
    const next = new Set(props.selected);
    if (!next.delete(id)) next.add(id);
    onSelectedChange?.(next);
  };
  const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / rowHeight) - 2);
  const onKey = (event: KeyboardEvent<HTMLDivElement>, index: number): void => {
    const row = list[index];
    if (row === undefined || event.target !== event.currentTarget) return;
    const move = ((): (() => void) | undefined => {
      switch (event.key) {
        case 'ArrowDown':
          return () => go(index + 1);
        case 'ArrowUp':
          return () => go(index - 1);
        case 'PageDown':
          return () => go(index + page);
        case 'PageUp':
          return () => go(index - page);
        case 'Home':
          return () => go(0);
        case 'End':
          return () => go(list.length - 1);
        case 'ArrowRight':
          return () => row.getCanExpand() && row.toggleExpanded(true);
        case 'ArrowLeft':
          if (row.getIsExpanded()) return () => row.toggleExpanded(false);
          return () => row.parentId !== undefined && go(list.findIndex((one) => one.id === row.parentId));
        case 'Enter':
          return () => (onOpen === undefined ? row.toggleExpanded() : onOpen(row.original));
        case ' ':
          return onSelectedChange && (() => toggleSelected(row.id));
        case 'F10':
          return event.shiftKey ? () => onMenu?.(row.original, event.currentTarget) : undefined;
        case 'ContextMenu':
          return () => onMenu?.(row.original, event.currentTarget);
        default:
          return undefined;
      }
    })();
    if (move === undefined) return;
    event.preventDefault();
    move();
  };
  const acts: RowActs<T> = {
    focus: setActive,
    key: onKey,
    toggleSelected,
    open: (row) => (onOpen === undefined ? row.getCanExpand() && row.toggleExpanded() : onOpen(row.original)),
    menu: (row, anchor) => onMenu?.(row.original, anchor),
  };
  const latest = useRef(acts);
  useLayoutEffect(() => {
    latest.current = acts;
  });
  const template = [
    ...(onSelectedChange === undefined ? [] : ['2.2rem']),
    ...shown.map((column) => trackOf(column, narrow)),
    ...(onMenu === undefined ? [] : ['2.8rem']),
  ].join(' ');
  const isTree = childrenOf !== undefined;
  const isLoading = rows === undefined && props.error === undefined;
  return (
    <>
      {rows !== undefined && <ErrorText error={props.error} />}
      <div
        ref={scroller}
        tabIndex={-1}
        onKeyDown={(event) => onKey(event, current)}
        className={styles['scroller']}
        style={{ maxHeight: props.height ?? '70vh', ...(props.height === undefined ? {} : { height: props.height }) }}
      >
        <div
          role={isTree ? 'treegrid' : 'grid'}
          aria-label={props.label}
          aria-rowcount={props.hasMore ? -1 : list.length + 1}
          aria-multiselectable={onSelectedChange === undefined ? undefined : true}
          className={styles['table']}
        >
          <div role="rowgroup" className={styles['head']}>
            <div role="row" aria-rowindex={1} className={styles['row']} style={{ gridTemplateColumns: template }}>
              {onSelectedChange !== undefined && (
                <span role="columnheader" className={styles['cell']}>
                  <span className="unseen">{t.select}</span>
                </span>
              )}
              {(table.getHeaderGroups()[0]?.headers ?? []).map((header) => {
                const column = byId.get(header.id)!;
                const order = header.column.getIsSorted();
                return (
                  <span
                    key={header.id}
                    role="columnheader"
                    aria-sort={order === 'asc' ? 'ascending' : order === 'desc' ? 'descending' : undefined}
                    className={`${styles['cell']} ${column.isNumber ? styles['number'] : ''}`}
                  >
                    {column.isFixed ? (
                      <span className={column.isUnnamed ? 'unseen' : styles['title']}>{column.header}</span>
                    ) : (
                      <button
                        type="button"
                        className={styles['sort']}
                        onClick={header.column.getToggleSortingHandler()}
                      >
                        {column.header}
                        <span aria-hidden="true">{order === 'asc' ? ' ↑' : order === 'desc' ? ' ↓' : ''}</span>
                      </button>
                    )}
                  </span>
                );
              })}
              {onMenu !== undefined && (
                <span role="columnheader" className={styles['cell']}>
                  <span className="unseen">{t.menu}</span>
                </span>
              )}
            </div>
          </div>
          <div role="rowgroup" className={styles['body']} style={{ height: virtual.getTotalSize() }}>
            {items.map((item) => {
              const row = list[item.index]!;
              return (
                <TableRow
                  key={row.id}
                  row={row}
                  index={item.index}
                  start={item.start}
                  height={rowHeight}
                  columns={shown}
                  template={template}
                  isTree={isTree}
                  canExpand={row.getCanExpand()}
                  isExpanded={row.getIsExpanded()}
                  isSelected={onSelectedChange && (props.selected?.has(row.id) ?? false)}
                  isCurrent={item.index === current}
                  opens={onOpen !== undefined}
                  hasMenu={onMenu !== undefined}
                  acts={latest}
                />
              );
            })}
          </div>
        </div>
        {list.length === 0 && (
          <div className={styles['empty']} aria-busy={isLoading}>
            {isLoading ? (
              t.loading
            ) : rows === undefined ? (
              <Retry error={props.error!} text={t.failed} onRetry={refresh} />
            ) : (
              (props.empty ?? t.empty)
            )}
          </div>
        )}
      </div>
    </>
  );
}
