import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holds } from './rights.ts';

test('the nearest rule at or above a path counts, above only if it propagates', () => {
  const rights = {
    '/': { 'Sys.Audit': true, 'Sys.Modify': false },
    '/datastore/a': { 'Datastore.Backup': true },
  };
  assert.equal(holds(rights, '/', 'Sys.Modify'), true);
  assert.equal(holds(rights, '/system', 'Sys.Modify'), false);
  assert.equal(holds(rights, '/system/tasks', 'Sys.Audit'), true);
  assert.equal(holds(rights, '/datastore/a/ns', 'Datastore.Backup'), true);
  assert.equal(holds(rights, '/datastore/a', 'Sys.Audit'), false);
  assert.equal(holds(rights, '/datastore/b', 'Datastore.Backup'), false);
});
