import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { vectors } from '../../test/support/golden.ts';
import { GranaryError } from '../base/errors.ts';
import { temporaryDirectory } from '../chunk-store/testing/chunks.ts';
import { tryLock } from '../os/file-lock.ts';
import { DatastoreLocks, lockFileName } from './locks.ts';

const group = { type: 'host', id: 'my-server' } as const;
const snapshot = { ...group, time: 1651479093 };

describe('lock files', () => {
  it('have the names of the vectors', () => {
    for (const [path, name] of Object.entries(vectors<Record<string, string>>('lock_file_names_4x'))) {
      assert.equal(lockFileName(path), name);
    }
  });

  it('lie in the directory of their namespace, with mode 0660', async () => {
    const directory = temporaryDirectory();
    try {
      const locks = new DatastoreLocks(join(directory, 'ds'));
      using one = await locks.group([], group);
      using two = await locks.snapshot(['a', 'b'], snapshot);
      using three = await locks.manifest([], snapshot);
      using long = await locks.group([], { type: 'host', id: 'x-'.repeat(100) });
      assert.deepEqual(
        [one, two, three].map(({ path }) => path.slice(directory.length)),
        [
          '/ds/host-my\\x2dserver',
          '/ds/a:b/host-my\\x2dserver-2022\\x2d05\\x2d02T08\\x3a11\\x3a33Z',
          '/ds/host-my\\x2dserver-2022\\x2d05\\x2d02T08\\x3a11\\x3a33Z-.index.json.lck',
        ],
      );
      assert.match(long.path, /\/ds\/hashed\/host-x/);
      assert.equal(fs.statSync(one.path).mode & 0o7777, 0o660);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });

  it('exclude each other with the texts of the protocol', async () => {
    const directory = temporaryDirectory();
    try {
      const [ours, theirs] = [new DatastoreLocks(directory), new DatastoreLocks(directory)];
      const refused = (what: string) => (error: unknown) => {
        assert.ok(error instanceof GranaryError && error.code === 'locked');
        assert.match(error.message, new RegExp(`^unable to acquire ${what} "${directory}/host-my`));
        return true;
      };
      {
        using _held = await ours.group([], group);
        await assert.rejects(theirs.group([], group), refused('backup group lock'));
        using _elsewhere = await theirs.group(['n'], group);
      }
      {
        using _held = await ours.snapshotShared([], snapshot);
        using _also = await theirs.snapshotShared([], snapshot);
        await assert.rejects(theirs.snapshot([], snapshot), refused('snapshot lock'));
      }
      {
        using _held = await ours.snapshot([], snapshot);
        await assert.rejects(theirs.snapshotShared([], snapshot), refused('shared snapshot lock'));
      }
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });

  it('let the next one wait for a manifest', async () => {
    const directory = temporaryDirectory();
    try {
      const locks = new DatastoreLocks(directory);
      const first = await locks.manifest([], snapshot);
      const second = locks.manifest([], snapshot);
      assert.equal(tryLock(first.path, 'exclusive'), undefined);
      first.release();
      (await second).release();
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });
});
