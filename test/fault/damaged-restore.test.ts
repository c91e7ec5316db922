// Restores from a store in which something is wrong: the client says what, exits with an error, and gives out no
// wrong byte; the store is only read.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { noise } from '../../src/backup/testing/content.ts';
import { toHex } from '../../src/base/bytes.ts';
import { compareTrees } from '../../src/client/compare-trees.ts';
import { decodeBlob, encodeBlob } from '../../src/format/blob.ts';
import { type ChunkIndex, parseIndex } from '../../src/format/chunk-index.ts';
import { Stand } from './stand.ts';

const time = 1_700_000_000;
const stamp = '2023-11-14T22:13:20Z';
let stand: Stand;
let tree: string;
let image: string;
let keys: { right: string; wrong: string };

before(async () => {
  stand = await Stand.start();
  tree = join(stand.folder, 'tree');
  image = join(stand.folder, 'disk.img');
  mkdirSync(tree);
  for (let i = 0; i < 5; i++) writeFileSync(join(tree, `file${i}`), noise(`tree ${i}`, 400_000));
  writeFileSync(image, noise('image', 6_000_000));
  keys = { right: join(stand.folder, 'right.key'), wrong: join(stand.folder, 'wrong.key') };
  for (const key of Object.values(keys)) await good(['key', 'create', key, '--kdf', 'none']);
  const sources = [`root.pxar:${tree}`, `disk.img:${image}`, `host.conf:${join(tree, 'file0')}`];
  const options = ['--backup-time', String(time), '--chunk-size', '64'];
  await good(['backup', ...sources, '--backup-id', 'plain', ...options]);
  await good(['backup', ...sources, '--backup-id', 'secret', ...options, '--keyfile', keys.right]);
  await good([
    'backup',
    ...sources,
    '--backup-id',
    'signed',
    ...options,
    '--keyfile',
    keys.right,
    '--crypt-mode',
    'sign-only',
  ]);
  for (const id of ['plain', 'secret', 'signed']) stand.remember(id, time);
  await stand.checkIntact();
});
after(() => stand[Symbol.asyncDispose]());

async function good(words: string[]): Promise<void> {
  const { code, err } = await stand.program(['proxmox-backup-client', ...words]);
  assert.equal(code, 0, err);
}

const stored = (id: string, name: string): string => join(stand.store, 'host', id, stamp, name);
const indexOf = (id: string, name: string): ChunkIndex => parseIndex(name, readFileSync(stored(id, name)), name);
const chunkPath = (id: string, name: string, position: number): string => {
  const index = indexOf(id, name);
  return stand.chunkFile(toHex(index.digestAt(Math.min(position, index.count - 1))));
};

/** Changes a file of the store. */
type Change = (bytes: Buffer) => Uint8Array | undefined;

const flip =
  (at: number): Change =>
  (bytes) => {
    bytes[at < 0 ? bytes.length + at : at]! ^= 0x10;
    return bytes;
  };
const gone: Change = () => undefined;
const cut =
  (length: number): Change =>
  (bytes) =>
    bytes.subarray(0, length);
/** Another manifest in a sound blob. */
const manifest =
  (change: (json: Record<string, unknown> & { files: { csum: string; size: number }[] }) => void): Change =>
  (bytes) => {
    const json = JSON.parse(Buffer.from(decodeBlob(bytes, { what: 'manifest' })).toString());
    change(json);
    return encodeBlob(Buffer.from(JSON.stringify(json)));
  };

/** Everything below the store, with length and content of the small files. */
function inventory(): Map<string, string> {
  const all = new Map<string, string>();
  for (const name of readdirSync(stand.store, { recursive: true, encoding: 'utf8' })) {
    const stat = statSync(join(stand.store, name));
    if (stat.isFile()) all.set(name, `${stat.size} ${stat.mtimeMs}`);
  }
  return all;
}

interface Case {
  what: string;
  id?: string;
  archive?: string;
  file: () => string;
  change: Change;
  key?: 'right' | 'wrong' | 'none';
  says: RegExp;
  /** Runs the client as a process of its own. */
  process?: boolean;
}

const index = 'root.pxar.didx';
const chunk =
  (position = 3) =>
  () =>
    chunkPath('plain', index, position);
const file =
  (name: string, id = 'plain') =>
  () =>
    stored(id, name);
const cases: Case[] = [
  { what: 'a flipped bit in a chunk', file: chunk(), change: flip(500), says: /digest|CRC|checksum/i, process: true },
  { what: 'a flipped bit in the first chunk', file: chunk(0), change: flip(-1), says: /digest|CRC|checksum/i },
  { what: 'a flipped bit in the last chunk', file: chunk(99_999), change: flip(-1), says: /digest|CRC|checksum/i },
  { what: 'a flipped bit in a chunk header', file: chunk(), change: flip(0), says: /magic|blob/i },
  { what: 'a missing chunk', file: chunk(), change: gone, says: /missing|no file/i, process: true },
  { what: 'an empty chunk', file: chunk(), change: cut(0), says: /small|short|blob/i },
  { what: 'a chunk that was cut', file: chunk(), change: cut(300), says: /CRC|digest|checksum|short/i },
  {
    what: 'another chunk in its place',
    file: chunk(),
    change: () => readFileSync(chunkPath('plain', index, 4)),
    says: /digest/i,
  },
  {
    what: 'an index that was cut within an entry',
    file: file(index),
    change: cut(4096 + 60),
    says: /Unable to open dynamic index/,
  },
  {
    what: 'an index that was cut between entries',
    file: file(index),
    change: cut(4096 + 80),
    says: /checksum|csum|size/i,
  },
  { what: 'an index without its header', file: file(index), change: cut(100), says: /Unable to open dynamic index/ },
  {
    what: 'a flipped bit in an index',
    file: file(index),
    change: flip(4096 + 20),
    says: /checksum|csum|offset|size|index/i,
  },
  { what: 'a missing index', file: file(index), change: gone, says: /Unable to open dynamic index/ },
  {
    what: 'a flipped bit in a blob',
    archive: 'host.conf',
    file: file('host.conf.blob'),
    change: flip(-1),
    says: /checksum|SHA-256|CRC/i,
  },
  { what: 'a missing blob', archive: 'host.conf', file: file('host.conf.blob'), change: gone, says: /not found/ },
  {
    what: 'a missing chunk of an image',
    archive: 'disk.img',
    file: () => chunkPath('plain', 'disk.img.fidx', 1),
    change: gone,
    says: /missing|no file/i,
  },
  {
    what: 'a flipped bit in a chunk of an image',
    archive: 'disk.img',
    file: () => chunkPath('plain', 'disk.img.fidx', 1),
    change: flip(1000),
    says: /digest|CRC|checksum/i,
  },
  { what: 'a flipped bit in the manifest', file: file('index.json.blob'), change: flip(-1), says: /CRC|checksum/i },
  { what: 'a missing manifest', file: file('index.json.blob'), change: gone, says: /not found/ },
  { what: 'a manifest that was cut', file: file('index.json.blob'), change: cut(50), says: /./ },
  {
    what: 'a manifest with another checksum',
    file: file('index.json.blob'),
    change: manifest((json) => {
      json.files[0]!.csum = '0'.repeat(64);
    }),
    says: /checksum|csum/i,
  },
  {
    what: 'a manifest with a broken signature',
    id: 'signed',
    file: file('index.json.blob', 'signed'),
    change: manifest((json) => {
      json['signature'] = 'ab'.repeat(32);
    }),
    says: /signature/i,
    process: true,
  },
  {
    what: 'a signed manifest that was changed',
    id: 'signed',
    file: file('index.json.blob', 'signed'),
    change: manifest((json) => {
      json.files[0]!.size++;
    }),
    says: /signature/i,
  },
  {
    what: 'an encrypted chunk with a flipped bit',
    id: 'secret',
    file: () => chunkPath('secret', index, 2),
    change: flip(-1),
    says: /CRC|digest|decrypt|authentic/i,
  },
  {
    what: 'an encrypted chunk with a flipped bit and the right CRC',
    id: 'secret',
    file: () => chunkPath('secret', index, 2),
    change: (bytes) => {
      bytes[bytes.length - 1]! ^= 1;
      bytes.set(encodeBlob(bytes.subarray(44), { compress: false }).subarray(8, 12), 8);
      return bytes;
    },
    says: /decrypt|authentic|digest/i,
  },
  {
    what: 'a key that is not the right one',
    id: 'secret',
    key: 'wrong',
    file: file('host.conf.blob', 'secret'),
    change: (bytes) => bytes,
    says: /wrong key/i,
    process: true,
  },
  {
    what: 'no key',
    id: 'secret',
    key: 'none',
    file: file('host.conf.blob', 'secret'),
    change: (bytes) => bytes,
    says: /key/i,
  },
];

describe('a restore fails, and says why', () => {
  for (const [i, one] of cases.entries()) {
    const { what, id = 'plain', archive = 'root.pxar', says } = one;
    test(`from ${what}`, async () => {
      const path = one.file();
      const whole = readFileSync(path);
      const changed = one.change(Buffer.from(whole));
      if (changed === undefined) rmSync(path);
      else writeFileSync(path, changed);
      const stock = inventory();
      const target = join(stand.folder, `target${i}`);
      try {
        const words = ['restore', `host/${id}/${stamp}`, archive, target];
        const key = one.key ?? (id === 'plain' ? 'none' : 'right');
        if (key !== 'none') words.push('--keyfile', keys[key]);
        const { code, err } = one.process
          ? await stand.runClient(words)
          : await stand.program(['proxmox-backup-client', ...words]);
        assert.equal(code, 255, err);
        assert.match(err, /^Error: /m);
        assert.match(err.slice(err.lastIndexOf('Error: ')), says);
        assert.doesNotMatch(err, /\n\s+at .*\.ts:\d+/, 'a stack trace is no message');
        checkNothingWrong(target, archive);
        assert.deepEqual(inventory(), stock, 'the store was changed');
      } finally {
        writeFileSync(path, whole);
      }
    });
  }

  test('once it is repaired everything comes back', async (t) => {
    for (const [id, key] of [
      ['plain', []],
      ['secret', ['--keyfile', keys.right]],
      ['signed', ['--keyfile', keys.right]],
    ] as const) {
      const target = join(stand.folder, `good-${id}`);
      await good(['restore', `host/${id}/${stamp}`, 'root.pxar', target, ...key]);
      assert.deepEqual((await compareTrees(tree, target)).differences, []);
    }
    await stand.checkIntact();
    t.diagnostic(`kinds of damage tried: ${cases.length}`);
  });
});

/** What was restored before the error has the right content, as far as it goes. */
function checkNothingWrong(target: string, archive: string): void {
  if (!existsSync(target)) return;
  const files: [string, string][] =
    archive === 'root.pxar'
      ? readdirSync(target).map((name) => [join(target, name), join(tree, name)])
      : [[target, archive === 'disk.img' ? image : join(tree, 'file0')]];
  for (const [restored, original] of files) {
    const bytes = readFileSync(restored);
    const expected = readFileSync(original).subarray(0, bytes.length);
    // Room that was never written reads as zeros.
    for (let at = 0; at < bytes.length; at += 4096) {
      const piece = bytes.subarray(at, at + 4096);
      if (piece.some((byte) => byte !== 0)) assert.deepEqual(piece, expected.subarray(at, at + 4096), restored);
    }
  }
}
