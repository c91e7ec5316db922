// A row of a table, drawn anew only when something about it is another than before: a click or a letter typed somewhere
// must not cost as much as the whole table.

import { type KeyboardEvent, memo, type ReactNode, type RefObject } from 'react';
import { texts, useTexts } from '../base/texts.ts';
import styles from './data-table.module.css';
import { Icon } from './icon.tsx';

const words = texts({
  en: { open: 'Open', select: 'Select', menu: 'Actions' },
  de: { open: 'Öffnen', select: 'Auswählen', menu: 'Aktionen' },
});

/** What a column has to do with a cell. */
interface CellColumn<T> {
  id: string;
  value(row: T): string | number | boolean | undefined;
  cell?(row: T): ReactNode;
  isNumber?: boolean;
}

/** What the table's model tells of a row. */
interface ModelRow<T> {
  id: string;
  original: T;
  depth: number;
  getCanExpand(): boolean;
  toggleExpanded(): void;
}

/** What the table does when something is done to a row. */
export interface RowActs<T> {
  focus(index: number): void;
  key(event: KeyboardEvent<HTMLDivElement>, index: number): void;
  toggleSelected(id: string): void;
  open(row: ModelRow<T>): void;
  menu(row: ModelRow<T>, anchor: HTMLElement): void;
}

interface Props<T> {
  row: ModelRow<T>;
  index: number;
  /** Pixels from the top of the first row. */
  start: number;
  height: number;
  columns: readonly CellColumn<T>[];
  /** The tracks of the grid. */
  template: string;
  isTree: boolean;
  canExpand: boolean;
  isExpanded: boolean;
  /** Undefined where nothing is selected. */
  isSelected: boolean | undefined;
  /** Tab leads to this one. */
  isCurrent: boolean;
  /** A click opens something, even where the row has no children. */
  opens: boolean;
  hasMenu: boolean;
  /** Those of now, which may be others than when the row was drawn. */
  acts: RefObject<RowActs<T>>;
}

function Row<T>(props: Props<T>): ReactNode {
  const { row, index, columns, isTree, canExpand, isExpanded, isSelected, isCurrent, acts } = props;
  const t = useTexts(words);
  return (
    <div
      role="row"
      data-index={index}
      aria-rowindex={index + 2}
      aria-level={isTree ? row.depth + 1 : undefined}
      aria-expanded={isTree && canExpand ? isExpanded : undefined}
      aria-selected={isSelected}
      tabIndex={isCurrent ? 0 : -1}
      className={`${styles['row']} ${styles['data']} ${props.opens || canExpand ? styles['opens'] : ''}`}
      style={{ gridTemplateColumns: props.template, transform: `translateY(${props.start}px)`, height: props.height }}
      onFocus={() => acts.current.focus(index)}
      onKeyDown={(event) => acts.current.key(event, index)}
      onClick={(event) => {
        if ((event.target as Element).closest('button, a, input, label') === null) acts.current.open(row);
      }}
    >
      {isSelected !== undefined && (
        <span role="gridcell" className={styles['cell']}>
          <input
            type="checkbox"
            tabIndex={-1}
            aria-label={t.select}
            checked={isSelected}
            onChange={() => acts.current.toggleSelected(row.id)}
          />
        </span>
      )}
      {columns.map((column, position) => (
        <span
          key={column.id}
          role="gridcell"
          className={`${styles['cell']} ${column.isNumber ? styles['number'] : ''}`}
          style={isTree && position === 0 ? { paddingLeft: `${0.6 + row.depth * 1.2}rem` } : undefined}
        >
          {isTree && position === 0 && (
            <button
              type="button"
              tabIndex={-1}
              aria-label={t.open}
              className={styles['twist']}
              style={{ visibility: canExpand ? 'visible' : 'hidden' }}
              onClick={() => row.toggleExpanded()}
            >
              <Icon name={isExpanded ? 'down' : 'right'} size={14} />
            </button>
          )}
          <CellContent
            content={column.cell === undefined ? String(column.value(row.original) ?? '') : column.cell(row.original)}
          />
        </span>
      ))}
      {props.hasMenu && (
        <span role="gridcell" className={styles['cell']}>
          <button
            type="button"
            tabIndex={isCurrent ? 0 : -1}
            aria-label={t.menu}
            aria-haspopup="menu"
            className={styles['twist']}
            onClick={(event) => acts.current.menu(row, event.currentTarget)}
          >
            <Icon name="more" size={18} />
          </button>
        </span>
      )}
    </div>
  );
}

export const TableRow = memo(Row) as typeof Row;

/** A text that is too long for its cell ends in dots, and is whole under the pointer. */
function CellContent({ content }: { content: ReactNode }): ReactNode {
  if (typeof content !== 'string') return content;
  return (
    <span className={styles['text']} title={content}>
      {content}
    </span>
  );
}
