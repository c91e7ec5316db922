// Results on standard output: tables, plain values, JSON with sorted keys (cli.md 2).

import { option, optional } from './options.ts';
import { renderTable, type TableStyle } from './table.ts';
import type { Terminal } from './terminal.ts';

export const outputFormats = ['text', 'json', 'json-pretty'] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** The `--output-format` option of commands that list something. */
export const outputOption = {
  'output-format': optional(
    option.choice(outputFormats, 'Output format. The default is PROXMOX_OUTPUT_FORMAT or text.'),
  ),
};

/** The wanted format: the option, else the environment, else text. */
export function outputFormat(values: { 'output-format'?: OutputFormat | undefined }, terminal: Terminal): OutputFormat {
  const preset = terminal.env['PROXMOX_OUTPUT_FORMAT'];
  return values['output-format'] ?? outputFormats.find((format) => format === preset) ?? 'text';
}

export interface Column<T> {
  name: string;
  /** What the header says, when not the name. */
  header?: string;
  right?: boolean;
  /** The cell's text; undefined is an empty cell. */
  text(row: T): unknown;
}

/** A column that shows a field as it is; numbers and booleans to the right. */
export function fieldColumn<K extends string>(name: K, facts: { header?: string; right?: boolean } = {}) {
  return { name, ...facts, text: (row: { readonly [P in K]?: unknown }): unknown => row[name] };
}

/** Values as table cells show them: booleans as 1 and 0, nothing for missing values. */
export function cellText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

export function tableStyle(terminal: Terminal): TableStyle {
  const noBorder = terminal.env['PROXMOX_OUTPUT_NO_BORDER'] !== undefined;
  return {
    utf8: terminal.utf8,
    noBorder,
    noHeader: noBorder || terminal.env['PROXMOX_OUTPUT_NO_HEADER'] !== undefined,
    columns: terminal.columns,
  };
}

/** Prints JSON with sorted keys; false when the format is text and nothing was printed. */
export function printJson(terminal: Terminal, format: OutputFormat, data: unknown): boolean {
  if (format === 'text') return false;
  terminal.print(`${formatJson(data, format === 'json-pretty')}\n`);
  return true;
}

/** JSON text whose objects have their keys in order. */
export function formatJson(data: unknown, pretty: boolean): string {
  return JSON.stringify(sortKeys(data), null, pretty ? 2 : undefined) ?? 'null';
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}

/** Prints a list as a table, by the text of the first column unless `sort` is false; nothing for an empty list. */
export function printTable<T>(
  terminal: Terminal,
  rows: readonly T[],
  columns: readonly Column<T>[],
  options: { sort?: boolean; header?: boolean } = {},
): void {
  if (rows.length === 0) return;
  const raw = rows.map((row) => columns.map((column) => column.text(row)));
  const right = columns.map((column, i) => {
    if (column.right !== undefined) return column.right;
    const values = raw.map((row) => row[i]).filter((value) => value !== undefined && value !== null);
    return values.length > 0 && values.every((value) => typeof value === 'number' || typeof value === 'boolean');
  });
  const cells = raw.map((row) => row.map((value, i) => ({ text: cellText(value), right: right[i]! })));
  if (options.sort ?? true) {
    cells.sort((a, b) => (a[0]!.text < b[0]!.text ? -1 : a[0]!.text > b[0]!.text ? 1 : 0));
  }
  const header = columns.map((column, i) => ({ text: column.header ?? column.name, right: right[i]! }));
  terminal.print(renderTable(options.header === false ? undefined : header, cells, tableStyle(terminal)));
}

/** Prints an object as a Name/Value table; fields without a value are left out. */
export function printFields(terminal: Terminal, fields: readonly (readonly [name: string, value: unknown])[]): void {
  const rows = fields
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => [{ text: name }, { text: cellText(value) }]);
  terminal.print(renderTable([{ text: 'Name' }, { text: 'Value' }], rows, tableStyle(terminal)));
}

/** How commands that are plain API calls show a result that is not null. */
export function printResult(terminal: Terminal, data: unknown): void {
  if (data === null || data === undefined) return;
  terminal.print(`Result: ${formatJson(data, true)}\n`);
}
