import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf } from './check-house.ts';
import { skeleton } from './new.ts';

test('an endpoint is a contract and an implementation beside it', () => {
  const { files, next } = skeleton('endpoint', 'admin/datastore/recycle-bin');
  assert.deepEqual(Object.keys(files), [
    'src/api/admin/datastore/recycle-bin.contract.ts',
    'src/api/admin/datastore/recycle-bin.ts',
  ]);
  const text = files['src/api/admin/datastore/recycle-bin.ts']!;
  assert.deepEqual(
    importsOf(text).map((one) => one.specifier),
    ['../../../wire/implement.ts', './recycle-bin.contract.ts'],
  );
  assert.match(next[0]!, /recycleBinEndpoints to src\/api\/admin\/datastore\/endpoints\.ts/);
  assert.match(skeleton('endpoint', 'pong').next[0]!, /src\/api\/index\.ts/);
});

test('a command and a backend know where they belong', () => {
  assert.deepEqual(Object.keys(skeleton('command', 'manager/clean-up').files), ['src/cli/manager/clean-up.ts']);
  assert.match(skeleton('backend', 'object').files['src/chunk-store/object/object-store.ts']!, /ObjectChunkStore/);
});

test('every skeleton starts with a comment, and bad names are refused', () => {
  for (const [kind, name] of [
    ['endpoint', 'a/b'],
    ['command', 'client/b'],
    ['backend', 'b'],
  ] as const) {
    for (const [file, text] of Object.entries(skeleton(kind, name).files)) {
      if (!file.endsWith('.test.ts')) assert.match(text, /^\/\/ /);
    }
  }
  for (const name of ['', '../x', 'A', 'a//b', '/a']) assert.throws(() => skeleton('endpoint', name), /is no name/);
  assert.throws(() => skeleton('thing', 'a'), /unknown kind/);
  assert.throws(() => skeleton('command', 'a'), /PROGRAM\/COMMAND/);
});
