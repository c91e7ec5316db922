// One field of a calendar event: `*`, `*/5`, `8..17`, `1,15`, `0/15` (config-and-tasks.md 5.2).

import { GranaryError } from '../base/errors.ts';

/** Which numbers a field can hold. */
export interface FieldRange {
  name: string;
  first: number;
  last: number;
  /** Where `*` with a step begins. */
  origin: number;
}

/** The allowed values in ascending order, never empty; undefined allows any. */
export type FieldList = readonly number[] | undefined;

/** Throws `bad-request` for a text that is no list of values of the field. */
export function parseFieldList(text: string, range: FieldRange): FieldList {
  if (text === '*') return undefined;
  const steps = /^\*\/(\d+)$/.exec(text);
  if (steps) return stepped(range.origin, range.last, number(steps[1]!, range.name), range);
  const values = new Set<number>();
  for (const item of text.split(',')) {
    for (const value of parseItem(item, range)) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

function parseItem(item: string, range: FieldRange): number[] {
  const match = /^(\d+)(?:\.\.(\d+))?(?:\/(\d+))?$/.exec(item);
  if (!match) throw new GranaryError('bad-request', `unable to parse ${range.name} '${item}'`);
  const from = inRange(match[1]!, range);
  const to = match[2] === undefined ? undefined : inRange(match[2], range);
  const step = match[3] === undefined ? undefined : number(match[3], range.name);
  if (to !== undefined && to < from) {
    throw new GranaryError('bad-request', `${range.name} range '${item}' ends before it begins`);
  }
  if (step !== undefined) return stepped(from, to ?? range.last, step, range);
  return stepped(from, to ?? from, 1, range);
}

/** `from`, `from + step`, ... up to `to`; a step of 0 gives `from` alone. */
function stepped(from: number, to: number, step: number, range: FieldRange): number[] {
  const values: number[] = [];
  for (let value = from; value <= to; value += step) {
    if (value >= range.first) values.push(value);
    if (step === 0) break;
  }
  if (values.length === 0) throw new GranaryError('bad-request', `no ${range.name} is left by a step of ${step}`);
  return values;
}

function inRange(digits: string, range: FieldRange): number {
  const value = number(digits, range.name);
  if (value >= range.first && value <= range.last) return value;
  throw new GranaryError('bad-request', `${range.name} ${value} is not within ${range.first} and ${range.last}`);
}

function number(digits: string, name: string): number {
  if (digits.length <= 6) return Number(digits);
  throw new GranaryError('bad-request', `${name} ${digits} is too large`);
}
