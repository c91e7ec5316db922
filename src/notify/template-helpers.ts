// What templates of notifications can call besides Handlebars' own helpers (config-and-tasks.md 8.4), once for texts and
// once for HTML.

import Handlebars from 'handlebars';
import { formatLocal } from '../base/clock.ts';
import { formatBytes, formatSpan } from '../base/human.ts';

/** What `table` shows: `columns` say which property of each row stands under which label. */
export interface TableValue {
  schema: { columns: readonly { id: string; label?: string; renderer?: string }[] };
  data: readonly Readonly<Record<string, unknown>>[];
}

const number = (value: unknown): number | undefined => {
  const converted = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof converted === 'number' && Number.isFinite(converted) ? converted : undefined;
};
const ifNumber = (value: unknown, write: (value: number) => string): string => {
  const given = number(value);
  return given === undefined ? '' : write(given);
};

/** Writers of one value: bytes, seconds, epoch seconds. What is no number gives nothing. */
const renderers: Record<string, (value: unknown) => string> = {
  'human-bytes': (value) => ifNumber(value, formatBytes),
  duration: (value) => ifNumber(value, formatSpan),
  timestamp: (value) => ifNumber(value, (epoch) => formatLocal(epoch).replace('T', ' ')),
};

function relativePercentage(value: unknown, whole: unknown): string {
  const [part, all] = [number(value), number(whole)];
  return part === undefined || all === undefined || all === 0 ? '' : `${((part * 100) / all).toFixed(2)}%`;
}

function object(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? '';
}

/** Labels and cells, as texts. */
function cellsOf(value: unknown): string[][] {
  const { schema, data } = (value ?? {}) as Partial<TableValue>;
  const columns = Array.isArray(schema?.columns) ? schema.columns : [];
  const rows = Array.isArray(data) ? data : [];
  const text = (cell: unknown, renderer: string | undefined): string => {
    if (cell === undefined || cell === null) return '';
    if (renderer !== undefined && Object.hasOwn(renderers, renderer)) return renderers[renderer]!(cell);
    return typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
  };
  return [
    columns.map(({ id, label }) => label ?? id),
    ...rows.map((row) => columns.map(({ id, renderer }) => text(row?.[id], renderer))),
  ];
}

function textTable(value: unknown): string {
  const cells = cellsOf(value);
  const widths = cells[0]!.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function htmlTable(value: unknown): Handlebars.SafeString {
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${Handlebars.escapeExpression(cell)}</${tag}>`).join('')}</tr>`;
  const [labels = [], ...rows] = cellsOf(value);
  return new Handlebars.SafeString(`<table>${row(labels, 'th')}${rows.map((one) => row(one, 'td')).join('')}</table>`);
}

const common = {
  'human-bytes': (value: unknown) => renderers['human-bytes']!(value),
  duration: (value: unknown) => renderers['duration']!(value),
  timestamp: (value: unknown) => renderers['timestamp']!(value),
  'relative-percentage': relativePercentage,
};

export const textHelpers: Handlebars.HelperDeclareSpec = { ...common, table: textTable, object };

export const htmlHelpers: Handlebars.HelperDeclareSpec = {
  ...common,
  table: htmlTable,
  object: (value: unknown) => new Handlebars.SafeString(`<pre>${Handlebars.escapeExpression(object(value))}</pre>`),
};
