// The sequential decoder: every rejection of pxar.md 8, both versions, what is read, skipped and refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vectors } from '../../test/support/golden.ts';
import { GranaryError } from '../base/errors.ts';
import { decodePxar, PxarDecoder } from './decoder.ts';
import { Item } from './items.ts';
import { rawEntry, rawGoodbye, rawItem, rawName, u64s } from './testing/raw.ts';
import { contentOf, pieces } from './testing/streams.ts';
import type { PxarEvent } from './types.ts';

interface PxarVectors {
  v1_archive_hex: string;
  v2_mpxar_hex: string;
  v2_ppxar_hex: string;
  entry_v1_item_hex: string;
}
const golden = vectors<PxarVectors>('pxar');
const mpxar = Buffer.from(golden.v2_mpxar_hex, 'hex');
const ppxar = Buffer.from(golden.v2_ppxar_hex, 'hex');

const dir = rawEntry(0o40755);
const file = rawEntry(0o100644);
const link = rawEntry(0o120777);
const root = (...items: Buffer[]) => Buffer.concat([dir, ...items, rawGoodbye()]);

async function events(archive: Uint8Array, payload?: Uint8Array): Promise<PxarEvent[]> {
  const all: PxarEvent[] = [];
  const source = { archive: pieces(archive, 11), ...(payload && { payload: pieces(payload, 5) }) };
  for await (const event of decodePxar(source, { archiveName: 'x.pxar' })) all.push(event);
  return all;
}

const kinds = (list: PxarEvent[]) => list.map((event) => event.kind).join(' ');

async function refuses(archive: Uint8Array, text: RegExp): Promise<void> {
  await assert.rejects(events(archive), (error) => {
    assert.ok(error instanceof GranaryError, String(error));
    assert.equal(error.code, 'pxar-invalid');
    assert.match(error.message, /^x\.pxar: .*, at offset \d+$/);
    assert.match(error.message, text);
    return true;
  });
}

test('kinds, names, paths and facts of the example archive', async () => {
  const all = await events(Buffer.from(golden.v1_archive_hex, 'hex'));
  assert.equal(kinds(all), 'directory file directory symlink hardlink end-directory device fifo end-directory');
  const paths = all.flatMap((e) =>
    e.kind === 'end-directory' || e.kind === 'prelude' ? [] : [`/${Buffer.from(e.path)}`],
  );
  assert.deepEqual(paths, ['/', '/a.txt', '/dir', '/dir/link', '/dir/zhard', '/null', '/pipe']);
  const hard = all.find((e) => e.kind === 'hardlink');
  assert.deepEqual([hard?.offset, hard?.targetOffset, Buffer.from(hard!.target).toString()], [334, 56, 'a.txt']);
  const pipe = all.find((e) => e.kind === 'fifo');
  assert.deepEqual(pipe?.meta.mtime, { seconds: -1n, nanos: 999_000_000 });
});

test('ENTRY_V1 is read, its nanoseconds divided', async () => {
  const entry = Buffer.from(golden.entry_v1_item_hex, 'hex');
  const all = await events(root(rawName('f'), entry, rawItem(Item.payload, 'hi')));
  const found = all.find((e) => e.kind === 'file');
  assert.equal(found?.meta.mode, 0o100644);
  assert.deepEqual(found?.meta.mtime, { seconds: 1_600_000_001n, nanos: 500_000_000 });
});

test('attributes are taken in any order', async () => {
  const items = [
    rawItem(Item.quotaProjectId, u64s(7)),
    rawItem(Item.fcaps, 'caps'),
    rawItem(Item.xattr, 'user.a\0value\0more'),
    rawItem(Item.aclGroup, u64s(5, 4)),
    rawItem(Item.aclUser, u64s(6, 2)),
  ];
  const all = await events(root(rawName('f'), file, ...items, rawItem(Item.payload)));
  const meta = all.find((e) => e.kind === 'file')?.meta;
  assert.equal(meta?.projectId, 7n);
  assert.equal(Buffer.from(meta!.xattrs[0]!.value).toString(), 'value\0more');
  assert.deepEqual(meta?.acl.users, [{ id: 6, permissions: 2 }]);
});

test('an explicit version 1 and a version 2 with content inside are read', async () => {
  const body = root(rawName('f'), file, rawItem(Item.payload, 'x'));
  for (const version of [1, 2]) {
    const all = await events(Buffer.concat([rawItem(Item.formatVersion, u64s(version)), body]));
    assert.equal(kinds(all), 'directory file end-directory');
  }
});

test('content comes in pieces, is skipped when nobody wants it, and can be left half read', async () => {
  const archive = root(
    ...['a', 'b', 'c'].flatMap((name) => [rawName(name), file, rawItem(Item.payload, name.repeat(100))]),
  );
  const read: string[] = [];
  for await (const event of decodePxar({ archive: pieces(archive, 50) })) {
    if (event.kind !== 'file' || event.name[0] === 0x61) continue;
    const first = await event.read();
    read.push(Buffer.from(first!).toString());
    if (event.name[0] === 0x63) read.push((await contentOf(event.content())).toString());
  }
  assert.equal(read[0], 'b'.repeat(read[0]!.length));
  assert.equal(read.slice(1).join(''), 'c'.repeat(100));
});

test('content is a view on the source, not a copy', async () => {
  const archive = Uint8Array.from(root(rawName('a'), file, rawItem(Item.payload, 'x'.repeat(1000))));
  async function* whole() {
    yield archive;
  }
  for await (const event of decodePxar({ archive: whole() })) {
    if (event.kind !== 'file') continue;
    const piece = event.read();
    assert.ok(piece instanceof Uint8Array && piece.buffer === archive.buffer && piece.byteLength === 1000);
  }
});

test('content of an entry that has been left is refused', async () => {
  const archive = root(rawName('a'), file, rawItem(Item.payload, 'x'));
  const all = await events(archive);
  const left = all.find((e) => e.kind === 'file');
  assert.throws(() => left?.read(), GranaryError);
});

test('a split archive: prelude, references, contents, and no payload for those who only list', async () => {
  const listed = await events(mpxar);
  assert.equal(kinds(listed), 'prelude directory file file hardlink end-directory');
  const contents: string[] = [];
  for await (const event of decodePxar({ archive: pieces(mpxar, 7), payload: pieces(ppxar, 9) })) {
    if (event.kind === 'prelude') contents.push(Buffer.from(event.data).toString());
    if (event.kind === 'file') contents.push((await contentOf(event.content())).toString('hex'));
  }
  assert.deepEqual(contents, [
    '{"exclude-patterns":"*.tmp\\n"}',
    Buffer.from('hello\n').toString('hex'),
    '00010203040506070809',
  ]);
  for await (const event of decodePxar({ archive: pieces(mpxar, 7) })) {
    if (event.kind === 'file') await assert.rejects(contentOf(event.content()), GranaryError);
    if (event.kind === 'file') break;
  }
});

const split = (...references: [number, number][]) =>
  Buffer.concat([
    rawItem(Item.formatVersion, u64s(2)),
    root(
      ...references.flatMap(([offset, size], i) => [
        rawName(`f${i}`),
        file,
        rawItem(Item.payloadReference, u64s(offset, size)),
      ]),
    ),
  ]);

async function splitContents(archive: Uint8Array, payload: Uint8Array): Promise<string[]> {
  const contents: string[] = [];
  for await (const event of decodePxar({ archive: pieces(archive, 64), payload: pieces(payload, 6) })) {
    if (event.kind === 'file') contents.push((await contentOf(event.content())).toString());
  }
  return contents;
}

test('unreferenced bytes of the payload stream are skipped, not parsed', async () => {
  const payload = Buffer.concat([
    rawItem(Item.payloadStart),
    Buffer.from('left over rubbish'),
    rawItem(Item.payload, 'one'),
    rawItem(Item.payloadTail),
    rawItem(Item.payload, 'two'),
    rawItem(Item.payloadTail),
  ]);
  assert.deepEqual(await splitContents(split([33, 3], [68, 3]), payload), ['one', 'two']);
});

test('payload streams are checked: marker, header, size, order, length', async () => {
  const payload = Buffer.concat([
    rawItem(Item.payloadStart),
    rawItem(Item.payload, 'one'),
    rawItem(Item.payload, 'two'),
    rawItem(Item.payloadTail),
  ]);
  const cases: [Uint8Array, Uint8Array, RegExp][] = [
    [split([0, 3]), payload.subarray(16), /where PAYLOAD_START_MARKER belongs/],
    [split([16, 4]), payload, /PAYLOAD of 3 bytes of content instead of 4/],
    [split([17, 3]), payload, /where PAYLOAD belongs/],
    [split([35, 3], [16, 3]), payload, /before what has been read/],
    [split([16, 3], [16, 3]), payload, /before what has been read/],
    [split([2 ** 50, 3]), payload, /too early/],
    [split([16, 3]), payload.subarray(0, 33), /too early/],
  ];
  for (const [archive, bytes, text] of cases) {
    await assert.rejects(splitContents(archive, bytes), (error) => {
      assert.ok(error instanceof GranaryError && error.code === 'pxar-invalid');
      assert.match(error.message, text);
      return true;
    });
  }
});

const payloadX = rawItem(Item.payload, 'x');
const refused: [string, Buffer, RegExp][] = [
  ['full size below 16', rawItem(Item.entry, dir.subarray(16), 15), /bytes of content/],
  ['a fixed item of another size', rawItem(Item.entry, Buffer.alloc(48)), /ENTRY of 48 bytes/],
  ['content above the maximum', root(rawItem(Item.filename, '', 16 + 4098)), /FILENAME of 4098 bytes/],
  ['size beyond 2^53', rawItem(Item.entry, dir.subarray(16), 2 ** 53), /beyond 2\^53/],
  ['an unknown item', root(Buffer.concat([u64s(1, 16)])), /unknown item type 0000000000000001/],
  ['FORMAT_VERSION inside', root(rawItem(Item.formatVersion, u64s(2))), /FORMAT_VERSION where/],
  ['format version 3', Buffer.concat([rawItem(Item.formatVersion, u64s(3)), root()]), /version 3/],
  ['PRELUDE without version', Buffer.concat([rawItem(Item.prelude, 'x'), root()]), /PRELUDE where an ENTRY/],
  ['PRELUDE inside', root(rawItem(Item.prelude, 'x')), /PRELUDE where/],
  [
    'a second PRELUDE',
    Buffer.concat([rawItem(Item.formatVersion, u64s(2)), rawItem(Item.prelude), rawItem(Item.prelude), root()]),
    /PRELUDE where/,
  ],
  [
    'a huge PRELUDE',
    Buffer.concat([rawItem(Item.formatVersion, u64s(2)), rawItem(Item.prelude, '', 2 ** 40)]),
    /PRELUDE of/,
  ],
  ['a root that is a file', Buffer.concat([file, payloadX]), /root entry is not a directory/],
  ['a root with a name', Buffer.concat([rawName('x'), root()]), /FILENAME where an ENTRY/],
  ['a name without NUL', root(rawItem(Item.filename, 'ab')), /without final NUL/],
  ['an empty name', root(rawItem(Item.filename, '\0')), /FILENAME of 1 bytes/],
  ['a name with slash', root(rawName('a/b')), /'\/' in the name/],
  ['a name with NUL', root(rawName('a\0b')), /NUL in the name/],
  ['the name .', root(rawName('.')), /'\.' or '\.\.'/],
  ['the name ..', root(rawName('..')), /'\.' or '\.\.'/],
  ['an XATTR without NUL', root(rawItem(Item.xattr, 'user.x')), /XATTR/],
  ['an XATTR without NUL of a file', root(rawName('f'), file, rawItem(Item.xattr, 'user.x'), payloadX), /without NUL/],
  ['nanoseconds of a second', root(rawName('f'), rawEntry(0o100644, 1e9), payloadX), /nanoseconds/],
  ['a hard link without path', root(rawName('h'), rawItem(Item.hardLink, u64s(1))), /HARDLINK of 8 bytes/],
  [
    'a hard link to itself',
    root(rawName('h'), rawItem(Item.hardLink, Buffer.concat([u64s(0), Buffer.from('a\0')]))),
    /distance 0/,
  ],
  [
    'a hard link to before the archive',
    root(rawName('h'), rawItem(Item.hardLink, Buffer.concat([u64s(57), Buffer.from('a\0')]))),
    /distance 57/,
  ],
  [
    'a hard link to the root',
    root(rawName('h'), rawItem(Item.hardLink, Buffer.concat([u64s(56), Buffer.from('a\0')]))),
    /no regular file/,
  ],
  [
    'an absolute hard link',
    root(
      rawName('f'),
      file,
      payloadX,
      rawName('h'),
      rawItem(Item.hardLink, Buffer.concat([u64s(91), Buffer.from('/f\0')])),
    ),
    /absolute/,
  ],
  [
    'a hard link out of the tree',
    root(
      rawName('f'),
      file,
      payloadX,
      rawName('h'),
      rawItem(Item.hardLink, Buffer.concat([u64s(91), Buffer.from('a/../f\0')])),
    ),
    /'\.\.' component/,
  ],
  [
    'a hard link to a symlink',
    root(
      rawName('l'),
      link,
      rawItem(Item.symlink, 'x\0'),
      rawName('h'),
      rawItem(Item.hardLink, Buffer.concat([u64s(92), Buffer.from('l\0')])),
    ),
    /no regular file/,
  ],
  [
    'ACL_GROUP_OBJ twice',
    root(rawName('f'), file, rawItem(Item.aclGroupObject, u64s(1)), rawItem(Item.aclGroupObject, u64s(1))),
    /repeated ACL_GROUP_OBJ/,
  ],
  [
    'ACL_DEFAULT twice',
    root(rawName('f'), file, rawItem(Item.aclDefault, u64s(1, 1, 1, 1)), rawItem(Item.aclDefault, u64s(1, 1, 1, 1))),
    /repeated ACL_DEFAULT/,
  ],
  ['FCAPS twice', root(rawName('f'), file, rawItem(Item.fcaps), rawItem(Item.fcaps)), /repeated FCAPS/],
  [
    'QUOTA_PROJID twice',
    root(rawName('f'), file, rawItem(Item.quotaProjectId, u64s(1)), rawItem(Item.quotaProjectId, u64s(1))),
    /repeated QUOTA_PROJID/,
  ],
  ['an ACL for an id of 33 bits', root(rawName('f'), file, rawItem(Item.aclUser, u64s(2 ** 32, 7))), /id 4294967296/],
  [
    'a file without content',
    root(rawName('f'), file, rawName('g'), file, payloadX),
    /FILENAME after an ENTRY of mode 0100644/,
  ],
  ['a file with GOODBYE instead of content', root(rawName('f'), file), /GOODBYE after an ENTRY/],
  ['a file with a link target', root(rawName('f'), file, rawItem(Item.symlink, 'x\0')), /SYMLINK after/],
  ['a symlink with content', root(rawName('l'), link, payloadX), /PAYLOAD after/],
  ['a symlink without NUL', root(rawName('l'), link, rawItem(Item.symlink, 'x')), /SYMLINK target/],
  ['a device without numbers', root(rawName('d'), rawEntry(0o20666)), /GOODBYE after/],
  ['a fifo with content', root(rawName('p'), rawEntry(0o10666), payloadX), /PAYLOAD after/],
  ['a directory with content', root(rawName('d'), dir, payloadX, rawGoodbye()), /PAYLOAD where/],
  ['a file type of its own', root(rawName('d'), rawEntry(0o170777), payloadX), /unknown file type/],
  [
    'a PAYLOAD_REF in version 1',
    root(rawName('f'), file, rawItem(Item.payloadReference, u64s(16, 1))),
    /PAYLOAD_REF after/,
  ],
  ['an ENTRY without name', root(file, payloadX), /ENTRY where a FILENAME/],
  ['a payload marker', root(rawItem(Item.payloadStart)), /PAYLOAD_START_MARKER where/],
  ['no tail marker', Buffer.concat([dir, rawItem(Item.goodbye, u64s(1, 0, 40))]), /tail marker/],
  ['a GOODBYE of half a row', Buffer.concat([dir, rawItem(Item.goodbye, Buffer.alloc(36))]), /GOODBYE of 36 bytes/],
  ['no GOODBYE', root(rawName('d'), dir), /too early/],
  ['nothing', Buffer.alloc(0), /16 bytes too early/],
  ['something behind the root', Buffer.concat([root(), Buffer.of(0)]), /data behind/],
];
for (const [what, archive, text] of refused) test(`refused: ${what}`, () => refuses(archive, text));

test('every truncation of an archive is refused', async () => {
  const archive = Buffer.from(golden.v1_archive_hex, 'hex');
  for (let length = 0; length < archive.byteLength; length += 3) {
    await refuses(archive.subarray(0, length), /too early/);
  }
});

test('a decoder that failed stays failed, and its sources are closed', async () => {
  let closed = 0;
  async function* source() {
    try {
      yield Uint8Array.from(file);
    } finally {
      closed++;
    }
  }
  {
    await using decoder = new PxarDecoder({ archive: source() });
    await assert.rejects(async () => decoder.next());
    assert.throws(() => decoder.next(), GranaryError);
  }
  assert.equal(closed, 1);
});

test('errors of the source pass through, and a signal ends the waiting', async () => {
  async function* failing() {
    yield Uint8Array.from(dir);
    throw new GranaryError('chunk-missing', 'chunk x is missing');
  }
  await assert.rejects(
    async () => {
      for await (const _ of decodePxar({ archive: failing() }));
    },
    { code: 'chunk-missing' },
  );
  const signal = AbortSignal.abort();
  await assert.rejects(
    async () => {
      for await (const _ of decodePxar({ archive: pieces(mpxar, 9) }, { signal }));
    },
    { code: 'aborted' },
  );
});

test('deep directories cost no stack and give their paths', async () => {
  const depth = 20_000;
  const open = Array.from({ length: depth }, () => Buffer.concat([rawName('d'), dir]));
  const close = Array.from({ length: depth }, () => rawGoodbye());
  const archive = root(...open, ...close);
  let deepest = 0;
  let count = 0;
  for await (const event of decodePxar({ archive: pieces(archive, 65536) })) {
    if (event.kind !== 'directory') continue;
    if (++count === depth + 1) deepest = event.path.byteLength;
  }
  assert.equal(deepest, 2 * depth - 1);
});
