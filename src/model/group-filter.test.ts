import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GranaryError } from '../base/errors.ts';
import { parseGroup } from './backup.ts';
import { groupIsWanted, parseGroupFilter, storedGroupFilter } from './group-filter.ts';

const wanted = (group: string, ...filters: string[]): boolean =>
  groupIsWanted(filters.map(parseGroupFilter), parseGroup(group)!);

test('groups are wanted when one filter takes them, or none would, and none excludes them', () => {
  assert.ok(wanted('vm/100'));
  assert.ok(wanted('vm/100', 'type:vm'));
  assert.ok(wanted('vm/100', 'include:type:vm'));
  assert.ok(!wanted('ct/100', 'type:vm'));
  assert.ok(wanted('ct/100', 'type:vm', 'group:ct/100'));
  assert.ok(!wanted('ct/1001', 'group:ct/100'));
  assert.ok(wanted('host/web1', 'regex:web\\d'));
  assert.ok(wanted('host/WEB1', 'regex:(?i)web\\d$'));
  assert.ok(!wanted('vm/900', 'type:vm', 'exclude:regex:^vm/9'));
  assert.ok(wanted('vm/100', 'exclude:type:ct'), 'excluding alone leaves the rest');
  assert.ok(!wanted('vm/100', 'include:group:vm/100', 'exclude:group:vm/100'));
});

test('the stored form has no `include:`', () => {
  assert.equal(storedGroupFilter('include:type:vm'), 'type:vm');
  assert.equal(storedGroupFilter('exclude:type:vm'), 'exclude:type:vm');
});

test('what is no filter is refused with its text', () => {
  for (const text of ['', 'vm', 'type:', 'type:lxc', 'group:vm', 'group:vm/a/b', 'regex:', 'regex:[', 'only:type:vm']) {
    assert.throws(
      () => parseGroupFilter(text),
      (error: unknown) => error instanceof GranaryError && error.message.startsWith(`invalid group filter '${text}': `),
      text,
    );
  }
});
