// The commands of a kind of configuration object, made from one declaration: list, show, create, update, remove, and
// the completion of its ids (cli.md 5: "fields" and "upd").

import { formatCtime } from '../../base/clock.ts';
import type { TProperties } from '../../model/type.ts';
import { type Command, type Completer, defineCommand } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { type Column, outputFormat, outputOption, printFields, printJson, printTable } from '../framework/output.ts';
import type { Terminal } from '../framework/terminal.ts';
import { completeNames } from './complete.ts';
import { openLocalServer } from './local-server.ts';

export type ObjectRow = Readonly<Record<string, unknown>>;

export interface ObjectCommands {
  /** What it is, for summaries: `prune job`, `prune jobs`. */
  what: readonly [one: string, many: string];
  /** The API's path: `config/prune`. */
  path: string;
  /** The option that names an object, also its field. */
  id: string;
  /** The other fields; those that creation does not need are `optional`. */
  fields: TProperties;
  /** Fields that only creation takes. */
  fixed?: readonly string[];
  /** Fields that `--delete` takes. */
  deletable: readonly string[];
  /** Columns of the list: fields by name, or columns that show them in another way. */
  columns: readonly (string | Column<ObjectRow>)[];
  /** The API's path of the same objects with when they run, for those that are jobs: `admin/prune`. */
  runs?: string;
  /** Options of `list`, passed on as parameters. */
  filters?: TProperties;
  complete?: Readonly<Record<string, Completer>>;
  /** Turns what was typed into what is sent, for create and update. */
  send?(values: Record<string, unknown>, terminal: Terminal): Promise<Record<string, unknown>>;
  /** The example of `create`. */
  example?: string;
}

export interface ObjectCommandSet {
  list: Command;
  show: Command;
  create: Command;
  update: Command;
  remove: Command;
}

/** Makes the commands. */
export function objectCommands(o: ObjectCommands): ObjectCommandSet {
  const [one, many] = o.what;
  const id = { [o.id]: option.text(`Name of the ${one}.`, { minLength: 2, maxLength: 64, valueName: o.id }) };
  const changeable = Object.fromEntries(
    Object.entries(o.fields)
      .filter(([name]) => !o.fixed?.includes(name))
      .map(([name, field]) => [name, optional(field)]),
  );
  const named: Record<string, Completer> = { ...o.complete, [o.id]: completeNames(o.path, o.id) };
  const digest = { digest: optional(option.text('Only if the configuration still has this digest.')) };
  const pathOf = (values: Readonly<Record<string, unknown>>): string =>
    `${o.path}/${encodeURIComponent(String(values[o.id]))}`;
  const sent = async (values: Record<string, unknown>, terminal: Terminal): Promise<Record<string, unknown>> =>
    (await o.send?.(values, terminal)) ?? values;

  return {
    list: defineCommand({
      summary: `List ${many}.`,
      options: { ...o.filters, ...outputOption } as TProperties,
      complete: { ...o.complete },
      async run(values: Record<string, unknown>, terminal) {
        const { 'output-format': format, ...filters } = values as typeof values & OutputValues;
        await using server = await openLocalServer(terminal);
        const rows = (await server.call('GET', o.path, filters)) as ObjectRow[];
        if (printJson(terminal, outputFormat({ 'output-format': format }, terminal), rows)) return;
        const columns = o.columns.map(columnOf);
        if (o.runs !== undefined) columns.push(nextRun((await server.call('GET', o.runs)) as ObjectRow[], o.id));
        printTable<ObjectRow>(terminal, rows, columns);
      },
    }),

    show: defineCommand({
      summary: `Show a ${one}.`,
      positional: [o.id],
      options: { ...id, ...outputOption } as TProperties,
      complete: named,
      async run(values: Record<string, unknown>, terminal) {
        await using server = await openLocalServer(terminal);
        const object = (await server.call('GET', pathOf(values))) as ObjectRow;
        if (printJson(terminal, outputFormat(values as OutputValues, terminal), object)) return;
        printFields(terminal, fieldRows(object));
      },
    }),

    create: defineCommand({
      summary: `Create a ${one}.`,
      positional: [o.id],
      options: { ...id, ...o.fields } as TProperties,
      complete: { ...o.complete },
      examples: o.example === undefined ? [] : [o.example],
      async run(values: Record<string, unknown>, terminal) {
        const parameters = await sent(values, terminal);
        await using server = await openLocalServer(terminal);
        await server.call('POST', o.path, parameters);
      },
    }),

    update: defineCommand({
      summary: `Change a ${one}.`,
      positional: [o.id],
      options: { ...id, ...changeable, ...deleteOption(o.deletable), ...digest } as TProperties,
      complete: named,
      async run(values: Record<string, unknown>, terminal) {
        const { [o.id]: _id, ...parameters } = await sent(values, terminal);
        await using server = await openLocalServer(terminal);
        await server.call('PUT', pathOf(values), parameters);
      },
    }),

    remove: defineCommand({
      summary: `Remove a ${one}.`,
      positional: [o.id],
      options: { ...id, ...digest } as TProperties,
      complete: named,
      async run(values: Record<string, unknown>, terminal) {
        await using server = await openLocalServer(terminal);
        await server.call('DELETE', pathOf(values), { digest: values['digest'] });
      },
    }),
  };
}

type OutputValues = Parameters<typeof outputFormat>[0];

/** The repeatable option that removes fields. */
export function deleteOption(deletable: readonly string[]): TProperties {
  if (deletable.length === 0) return {};
  return { delete: optional(option.list(option.choice(deletable, 'Property.'), 'Remove this property.')) };
}

/** The fields of an object for the table of names and values, lists in one cell. */
export function fieldRows(object: ObjectRow): [string, unknown][] {
  return Object.entries(object).map(([name, value]) => [name, listText(value)]);
}

/** When each job runs next, from the list that has it. */
function nextRun(runs: readonly ObjectRow[], id: string): Column<ObjectRow> {
  const times = new Map(runs.map((job) => [job[id], job['next-run']]));
  const text = (row: ObjectRow): string => {
    const time = times.get(row[id]);
    return typeof time === 'number' ? formatCtime(time) : '';
  };
  return { name: 'next-run', text };
}

function columnOf(column: string | Column<ObjectRow>): Column<ObjectRow> {
  return typeof column === 'string' ? { name: column, text: (row) => listText(row[column]) } : column;
}

function listText(value: unknown): unknown {
  return Array.isArray(value) ? value.join(', ') : value;
}
