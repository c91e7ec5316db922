import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { productFile } from '../../test/support/golden.ts';
import { toHex } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { decodeBlob, encodeBlob } from '../format/blob.ts';
import { parseNamespace } from '../model/backup.ts';
import { manifestName } from '../model/names.ts';
import type { Datastore } from './datastore.ts';
import type { SnapshotFile, SnapshotInfo } from './snapshots.ts';
import { host, type TemporaryStore, temporaryStore, writeBackup } from './testing/temporary-store.ts';
import { parseGcStatus } from './usage.ts';
import { Verification } from './verify.ts';

interface ApiFile {
  filename: string;
  size?: number;
  'crypt-mode'?: string;
}

type ApiItem = Record<string, unknown> & { files: ApiFile[] };

const api = <T>(name: string): T => (JSON.parse(productFile(`api/${name}.json`).toString()) as { data: T }).data;
const cli = <T>(name: string): T => JSON.parse(productFile(`cli/${name}.json`).toString()) as T;

function fileItem({ filename, cryptMode, size }: SnapshotFile): ApiFile {
  return {
    filename,
    ...(size === undefined ? {} : { size }),
    ...(cryptMode === undefined ? {} : { 'crypt-mode': cryptMode }),
  };
}

/** A snapshot as the API shows it. */
function snapshotItem(info: SnapshotInfo): ApiItem {
  const { type, id, time, files, finished: _finished, manifestError: _error, ...rest } = info;
  return { 'backup-type': type, 'backup-id': id, 'backup-time': time, files: files.map(fileItem), ...rest };
}

const keyOf = (item: Record<string, unknown>): string =>
  JSON.stringify([item['backup-type'], item['backup-id'], item['backup-time']]);
const sorted = <T extends Record<string, unknown>>(items: T[]): T[] =>
  items.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));

describe('listings of the datastore that the product wrote', () => {
  let temporary: TemporaryStore;
  let store: Datastore;
  before(async () => {
    temporary = await temporaryStore({ fixture: true });
    store = temporary.store;
  });
  after(() => temporary[Symbol.asyncDispose]());

  it('have its namespaces', async () => {
    const list = async (...args: Parameters<Datastore['listNamespaces']>) =>
      (await store.listNamespaces(...args)).map((ns) => ({ ns: ns.join('/') }));
    assert.deepEqual(await list([]), api('namespaces'));
    assert.deepEqual(await list(['ns1']), api('namespaces-parent-ns1'));
    assert.deepEqual(await list([], 1), api('namespaces-depth1'));
    assert.deepEqual(await list([]), cli<{ data: unknown }>('namespace-list').data);
    assert.deepEqual(await list([], 0), [{ ns: '' }]);
    assert.deepEqual(await list(['none']), [{ ns: 'none' }]);
    assert.equal(await store.namespaceExists(['ns1', 'nested']), true);
    assert.equal(await store.namespaceExists(['ns1', 'none']), false);
    assert.equal(await store.namespaceExists([]), true);
  });

  it('have its groups', async () => {
    for (const [ns, name, expected] of [
      ['', 'root', cli<ApiItem[]>('list')],
      ['ns1', 'ns1', api<ApiItem[]>('groups-ns1')],
    ] as const) {
      const groups = (await store.listGroups(parseNamespace(ns))).map(
        ({ type, id, lastBackup, backupCount, ...rest }) => ({
          'backup-type': type,
          'backup-id': id,
          'last-backup': lastBackup,
          'backup-count': backupCount,
          ...rest,
        }),
      );
      const wanted = expected.map((group) => ({ ...group, files: group.files.toSorted() }));
      assert.deepEqual(sorted(groups), sorted(wanted), name);
    }
    const order = (await store.listGroups([])).map(({ type, id }) => `${type}/${id}`);
    assert.deepEqual(order, [
      'host/enc-host',
      'host/plain-host',
      'host/scrypt-host',
      'host/signed-host',
      'vm/100',
      'vm/101',
    ]);
  });

  it('have its snapshots, with sizes, keys, comments, protection and verification', async () => {
    const list = async (ns: string) => (await store.listSnapshots(parseNamespace(ns))).map(snapshotItem);
    assert.deepEqual(sorted(await list('')), sorted(api<ApiItem[]>('snapshots-after-verify')));
    assert.deepEqual(sorted(await list('')), sorted(cli<ApiItem[]>('snapshot-list')));
    assert.deepEqual(await list('ns1'), cli('snapshot-list.ns1'));
    assert.deepEqual(await list('ns1/nested'), api('snapshots-ns1-nested'));
  });

  it('can be filtered by type and id', async () => {
    const names = async (filter: Parameters<Datastore['listSnapshots']>[1]) =>
      (await store.listSnapshots([], filter)).map(({ type, id, time }) => `${type}/${id}/${time}`);
    assert.deepEqual(await names({ type: 'vm', id: '100' }), ['vm/100/1700000000', 'vm/100/1700086400']);
    assert.equal((await names({ type: 'vm' })).length, 4);
    assert.equal((await names({ id: '101' })).length, 2);
    assert.deepEqual(await names({ type: 'ct' }), []);
  });

  it('have the files of a snapshot', async () => {
    const files = async (id: string, time: number) => (await store.snapshotFiles([], host(id, time))).map(fileItem);
    // These two were taken before verification made the manifest longer.
    const before = (list: ApiFile[]) =>
      list.map((file) => (file.filename === manifestName ? { ...file, size: 594 } : file));
    assert.deepEqual(await files('plain-host', 1700086400), before(api('files-plain-host')));
    assert.deepEqual(await files('scrypt-host', 1700086400), api('files-scrypt-host'));
    assert.deepEqual(await files('signed-host', 1700000000), api('files-signed-host'));
    const cliName = 'snapshot-files.host_plain-host.2023-11-15T22:13:20Z';
    assert.deepEqual(await files('plain-host', 1700086400), before(cli(cliName)));
    await assert.rejects(
      files('plain-host', 5),
      /manifest not found for snapshot 'host\/plain-host\/1970-01-01T00:00:05Z'/,
    );
  });

  it('have notes, owners, counts and the last garbage collection', async () => {
    const snapshot = host('plain-host', 1700086400);
    assert.equal(await store.groupNotes([], snapshot), api('group-notes'));
    assert.equal(await store.snapshotNotes([], snapshot), api('notes'));
    assert.equal(await store.snapshotNotes([], host('plain-host', 1700000000)), '');
    assert.equal(await store.readOwner([], snapshot), 'admin@pbs');
    assert.equal(await store.isProtected([], snapshot), true);
    assert.equal(await store.isProtected([], host('nobody', 1)), false);
    const { counts } = api<{ counts: Record<string, unknown> }>('datastore-status-verbose');
    const { other: _other, ...expected } = counts;
    assert.deepEqual(await store.counts(), expected);
    const gc = api<Record<string, unknown>>('gc-status-after');
    const status = await store.gcStatus();
    for (const [name, value] of Object.entries(status)) assert.equal(value, gc[name], name);
  });

  it('lead to chunks that are all sound', async () => {
    let count = 0;
    let plain = 0;
    for await (const { digest } of store.chunks.digests()) {
      const blob = await store.chunks.read(digest);
      count++;
      try {
        decodeBlob(blob, { what: toHex(digest), digest });
        plain++;
      } catch (error) {
        assert.ok(error instanceof GranaryError && error.code === 'wrong-key', String(error));
      }
    }
    assert.deepEqual([count, plain], [42, 18]);
  });

  it('say that a namespace does not exist', async () => {
    for (const list of [store.listGroups(['none']), store.listSnapshots(['none'])]) {
      await assert.rejects(list, (error: GranaryError) => {
        assert.equal(error.message, 'ENOENT: No such file or directory');
        assert.equal(error.status, 400);
        return true;
      });
    }
  });
});

describe('listings', () => {
  it('keep what they do not know of a manifest, to the last digit, when they change it', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    await writeBackup(store, host('a', 100), {});
    const path = join(base, `host/a/1970-01-01T00:01:40Z/${manifestName}`);
    const foreign = (after: string) => `{
  "added": 2.50,
  "backup-id": "a",
  "backup-time": 100,
  "backup-type": "host",
  "files": [],
  "signature": "${'0'.repeat(64)}",
  "unprotected": {
    "change-detection-fingerprint": "ab",
    "kept": [
      1.0,
      {
        "b": 18446744073709551616,
        "z": null
      }
    ]${after}
  }
}`;
    // Other order and white space than the product's, and no compression.
    const { added, ...rest } = JSON.parse(foreign('').replaceAll(/2\.50|1\.0|1844\d+/g, '"$&"'));
    const text = JSON.stringify({ unprotected: rest.unprotected, ...rest, added }, undefined, 1);
    const raw = text.replaceAll(/"(2\.50|1\.0|1844\d+)"/g, '$1');
    fs.writeFileSync(path, encodeBlob(Buffer.from(raw), { compress: false }));
    await store.setSnapshotNotes([], host('a', 100), 'new');
    const verification = new Verification(store, { upid: 'UPID:', log: () => {} });
    assert.equal(await verification.verifySnapshot([], host('a', 100)), true);
    const changed = `,
    "notes": "new",
    "verify_state": {
      "state": "ok",
      "upid": "UPID:"
    }`;
    assert.equal(Buffer.from(decodeBlob(fs.readFileSync(path), { what: '' })).toString(), foreign(changed));
  });

  it('show what is damaged or foreign without failing', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    await writeBackup(store, host('a', 100));
    await writeBackup(store, host('b', 100));
    await writeBackup(store, host('b', 200));
    fs.writeFileSync(join(base, 'host/a/1970-01-01T00:01:40Z/index.json.blob'), 'rubbish rubbish');
    fs.writeFileSync(join(base, 'host/a/owner'), 'not an id\n');
    fs.rmSync(join(base, 'host/b/1970-01-01T00:01:40Z/index.json.blob'));
    for (const stray of [
      'host/b/lost',
      'host/b/1970-01-01',
      'host/.hidden',
      'host/c',
      'vm',
      'other/x',
      'host/a/notes.d',
    ]) {
      fs.mkdirSync(join(base, stray), { recursive: true });
    }
    fs.writeFileSync(join(base, 'host/b/1970-01-01T00:03:20Z/root.pxar.tmp_didx'), '');
    fs.writeFileSync(join(base, 'host/b/1970-01-01T00:03:20Z/extra.blob'), '');
    const groups = await store.listGroups([]);
    assert.deepEqual(
      groups.map(({ id, owner, backupCount }) => [id, owner, backupCount]),
      [
        ['a', undefined, 1],
        ['b', 'admin@pbs', 2],
      ],
    );
    const [a, b1, b2, ...rest] = await store.listSnapshots([]);
    assert.deepEqual(rest, []);
    assert.match(a!.manifestError!, /index\.json\.blob": unable to parse raw blob - wrong magic/);
    assert.deepEqual([a!.finished, a!.size], [true, undefined]);
    assert.deepEqual([b1!.finished, b1!.size], [false, undefined]);
    assert.deepEqual(b1!.files, [{ filename: 'host.conf.blob' }, { filename: 'root.pxar.didx' }]);
    assert.deepEqual(b2!.files.at(-1), { filename: 'extra.blob' });
    assert.equal(b2!.files.length, 4);
  });

  it('have numbers of 64 bits first, by their value', async () => {
    await using temporary = await temporaryStore();
    const { store, base } = temporary;
    const ids = ['9', '10', '0000000000000000000000011', '18446744073709551615', '18446744073709551616', '2x', 'a'];
    for (const id of ids.toReversed()) fs.mkdirSync(join(base, `vm/${id}/2026-01-01T00:00:00Z`), { recursive: true });
    assert.deepEqual(
      (await store.listGroups([])).map(({ id }) => id),
      ids,
    );
  });

  it('answer storage sizes of the file system', async () => {
    await using temporary = await temporaryStore();
    const { total, used, avail } = await temporary.store.status();
    assert.ok(total > 0 && used >= 0 && avail >= 0 && used + avail <= total);
  });

  it('take a garbage collection status with unknown, missing or wrong members', () => {
    const zeros = parseGcStatus('');
    assert.equal(zeros.upid, null);
    assert.equal(zeros['disk-bytes'], 0);
    assert.deepEqual(parseGcStatus('[1'), zeros);
    assert.deepEqual(parseGcStatus('null'), zeros);
    assert.deepEqual(parseGcStatus('{"disk-chunks":-1,"disk-bytes":"9","new":1}'), zeros);
    const four = parseGcStatus('{"upid":"U","removed-bad":3,"cache-stats":{"hits":1,"misses":2}}');
    assert.deepEqual([four.upid, four['removed-bad'], four['cache-stats']], ['U', 3, { hits: 1, misses: 2 }]);
  });
});
