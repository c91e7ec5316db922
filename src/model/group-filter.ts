// Which backup groups a job takes: `type:vm`, `group:vm/100`, `regex:^host/`, each maybe behind `include:` or
// `exclude:` (config-and-tasks.md 2, sync.md 8). Browser-safe.

import { GranaryError } from '../base/errors.ts';
import { type BackupGroup, formatGroup, parseGroup } from './backup.ts';
import { parseExpression } from './expression.ts';
import { isBackupType } from './names.ts';

export interface GroupFilter {
  exclude: boolean;
  matches(group: BackupGroup): boolean;
}

/** Throws `bad-request` with the text and what is wrong with it. */
export function parseGroupFilter(text: string): GroupFilter {
  const [, mode, kind, value] = /^(?:(include|exclude):)?(group|type|regex):([\s\S]+)$/.exec(text) ?? [];
  const exclude = mode === 'exclude';
  const fail = (problem: string) => new GranaryError('bad-request', `invalid group filter '${text}': ${problem}`);
  if (value === undefined) throw fail("it is neither 'type:', 'group:' nor 'regex:'");
  if (kind === 'type') {
    if (!isBackupType(value)) throw fail(`'${value}' is no backup type`);
    return { exclude, matches: (group) => group.type === value };
  }
  if (kind === 'group') {
    const wanted = parseGroup(value);
    if (!wanted) throw fail(`'${value}' is no group, like 'vm/100'`);
    return { exclude, matches: (group) => group.type === wanted.type && group.id === wanted.id };
  }
  let expression: RegExp;
  try {
    expression = parseExpression(value);
  } catch (error) {
    throw fail(error instanceof Error ? error.message : String(error));
  }
  return { exclude, matches: (group) => expression.test(formatGroup(group)) };
}

/** Whether the filters take a group: any including one matches, or there is none, and no excluding one matches. */
export function groupIsWanted(filters: readonly GroupFilter[], group: BackupGroup): boolean {
  const including = filters.filter((filter) => !filter.exclude);
  if (including.length > 0 && !including.some((filter) => filter.matches(group))) return false;
  return !filters.some((filter) => filter.exclude && filter.matches(group));
}

/** The text as it is stored: without `include:`, which is the default. */
export function storedGroupFilter(text: string): string {
  return text.replace(/^include:/, '');
}
