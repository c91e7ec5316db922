// The manager's commands about configured objects against a running server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { shellWords } from '../support/launch.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
before(async () => {
  server = await TestServer.start();
});
after(() => server[Symbol.asyncDispose]());

/** Runs a line of the manager, which has to succeed. */
async function manager(line: string): Promise<string> {
  const { code, out, err } = await server.manager(...shellWords(line));
  assert.deepEqual([code, err], [0, ''], line);
  return out;
}
const json = async (line: string) => JSON.parse(await manager(`${line} --output-format json`)) as unknown;
async function refused(line: string): Promise<string> {
  const { code, err } = await server.manager(...shellWords(line));
  assert.equal(code, 255, line);
  return err;
}

test('prune jobs are made, listed, shown, changed and removed', async () => {
  assert.equal(await manager('prune-job list'), '');
  await manager('prune-job create prune-ds1 --store ds1 --schedule "sat 02:00" --keep-last 3 --comment "first one"');
  assert.match(await manager('prune-job list'), /│ prune-ds1 │ {9}│ ds1 {3}│ {4}│ sat 02:00 │ {11}│ +3 │/);
  const shown = await manager('prune-job show prune-ds1');
  assert.match(shown, /│ comment {3}│ first one │/);
  await manager('prune-job update prune-ds1 --delete comment --delete keep-last --keep-daily 7 --disable');
  assert.deepEqual(await json('prune-job show prune-ds1'), {
    disable: true,
    id: 'prune-ds1',
    'keep-daily': 7,
    schedule: 'sat 02:00',
    store: 'ds1',
  });
  assert.match(
    await refused('prune-job create prune-ds1 --store ds1 --schedule daily'),
    /job 'prune-ds1' already exists\./,
  );
  assert.match(await refused('prune-job remove prune-ds2'), /^Error: job 'prune-ds2' does not exist\.\n/);
  await manager('prune-job remove prune-ds1');
  assert.equal(await manager('prune-job list'), '');
});
