// The encoder: the example archives byte for byte, what it refuses, calls out of turn, promises only from sinks.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { vectors } from '../../test/support/golden.ts';
import { GranaryError } from '../base/errors.ts';
import { MemorySink } from '../base/io.ts';
import { PxarEncoder } from './encoder.ts';
import { copyArchive } from './testing/copy.ts';
import { SlowSink } from './testing/streams.ts';
import { noAcl, type PxarMetadata } from './types.ts';

const golden =
  vectors<Record<'v1_archive_hex' | 'v1_all_attributes_hex' | 'v2_mpxar_hex' | 'v2_ppxar_hex', string>>('pxar');
const bytes = (text: string) => Buffer.from(text, 'latin1');
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex');

function meta(mode: number, seconds = 0, more: Partial<PxarMetadata> = {}): PxarMetadata {
  const mtime = { seconds: BigInt(seconds), nanos: 0 };
  return { mode, flags: 0n, uid: 0, gid: 0, mtime, xattrs: [], acl: noAcl, ...more };
}

const rootMeta = meta(0o40755, 1_600_000_000);
const helloMeta = meta(0o100644, 0, { uid: 1000, gid: 1000, mtime: { seconds: 1_600_000_001n, nanos: 500_000_000 } });

test('the example archive of version 1', () => {
  const archive = new MemorySink();
  const encoder = new PxarEncoder({ archive });
  assert.equal(encoder.start(rootMeta), undefined);
  const target = encoder.startFile(bytes('a.txt'), helloMeta, 6) as number;
  archive.write(bytes('hello\n'));
  encoder.endFile();
  encoder.startDirectory(bytes('dir'), meta(0o40750, 1_600_000_002, { uid: 1000, gid: 1000 }));
  encoder.addSymlink(bytes('link'), meta(0o120777, 1_600_000_003), bytes('../a.txt'));
  encoder.addHardLink(bytes('zhard'), bytes('a.txt'), target);
  encoder.endDirectory();
  encoder.addDevice(bytes('null'), meta(0o20666, 1_600_000_004), 1, 3);
  encoder.addFifo(bytes('pipe'), meta(0o10600, 0, { mtime: { seconds: -1n, nanos: 999_000_000 } }));
  assert.equal(encoder.finish(), undefined);
  assert.equal(hex(archive.bytes()), golden.v1_archive_hex);
  assert.equal(encoder.position, archive.position);
  assert.equal(
    createHash('sha256').update(archive.bytes()).digest('hex'),
    'bbfbf3f1ad80fe8e3bcae5cad923426af291708f7dd75db51563d6a01f195159',
  );
});

test('the example archive of version 2', async () => {
  for (const sink of [() => new MemorySink(), () => new SlowSink()]) {
    const archive = sink();
    const payload = sink();
    const encoder = new PxarEncoder({ archive, payload, prelude: bytes('{"exclude-patterns":"*.tmp\\n"}') });
    await encoder.start(rootMeta);
    assert.equal(encoder.payloadPosition, 16);
    const target = await encoder.startFile(bytes('a.txt'), helloMeta, 6);
    await payload.write(bytes('hello\n'));
    encoder.endFile();
    assert.equal(encoder.payloadPosition, 38);
    await encoder.startFile(bytes('b.bin'), meta(0o100600, 1_600_000_005), 10);
    await payload.write(Uint8Array.from({ length: 10 }, (_, i) => i));
    encoder.endFile();
    await encoder.addHardLink(bytes('zhard'), bytes('a.txt'), target);
    await encoder.finish();
    assert.equal(hex(archive.bytes()), golden.v2_mpxar_hex);
    assert.equal(hex(payload.bytes()), golden.v2_ppxar_hex);
  }
});

test('the examples survive decoding and encoding', async () => {
  for (const text of [golden.v1_archive_hex, golden.v1_all_attributes_hex]) {
    const copy = await copyArchive({ archive: Buffer.from(text, 'hex') }, 10);
    assert.equal(hex(copy.archive), text);
  }
  const split = { archive: Buffer.from(golden.v2_mpxar_hex, 'hex'), payload: Buffer.from(golden.v2_ppxar_hex, 'hex') };
  const copy = await copyArchive(split, 10);
  assert.equal(hex(copy.archive), golden.v2_mpxar_hex);
  assert.equal(hex(copy.payload!), golden.v2_ppxar_hex);
});

test('all attribute items', () => {
  const archive = new MemorySink();
  const encoder = new PxarEncoder({ archive });
  encoder.start(
    meta(0o40755, 0, {
      xattrs: [
        { name: bytes('user.k'), value: bytes('v') },
        { name: bytes('user.empty'), value: bytes('') },
      ],
      acl: {
        users: [{ id: 1001, permissions: 6 }],
        groups: [{ id: 2002, permissions: 4 }],
        groupObject: 5,
        default: { userObject: 7, groupObject: 5, other: 0 },
        defaultUsers: [{ id: 1001, permissions: 7 }],
        defaultGroups: [{ id: 2002, permissions: 5 }],
      },
      fcaps: Buffer.from('0100000200200000000000000000000000000000', 'hex'),
      projectId: 42n,
    }),
  );
  encoder.finish();
  assert.equal(hex(archive.bytes()), golden.v1_all_attributes_hex);
});

test('references count metadata only, and injected bytes move the payload position', async () => {
  const archive = new MemorySink();
  const payload = new MemorySink();
  const encoder = new PxarEncoder({ archive, payload });
  encoder.start(rootMeta);
  encoder.addPayloadReference(bytes('a'), helloMeta, 60_000, 32);
  encoder.skipPayload(100_000);
  assert.equal(encoder.payloadPosition, 100_016);
  await encoder.startFile(bytes('b'), helloMeta, 0);
  encoder.endFile();
  encoder.finish();
  const table = Buffer.from(archive.bytes()).subarray(-16 - 24 * 3 + 16);
  const sizes = [table.readBigUInt64LE(16), table.readBigUInt64LE(40)];
  assert.deepEqual(sizes, [106n, 106n]);
  assert.equal(payload.position, 16 + 16 + 16);
});

const start = () => {
  const archive = new MemorySink();
  const encoder = new PxarEncoder({ archive });
  encoder.start(rootMeta);
  return { archive, encoder };
};

test('what the format cannot hold is refused and leaves no trace', () => {
  const { archive, encoder } = start();
  const size = archive.position;
  const link = meta(0o120777);
  const file = meta(0o100644);
  const long = { name: bytes('user.x'), value: Buffer.alloc(65785) };
  const refused: (() => unknown)[] = [
    () => encoder.addFifo(bytes(''), meta(0o10644)),
    () => encoder.addFifo(bytes('.'), meta(0o10644)),
    () => encoder.addFifo(bytes('..'), meta(0o10644)),
    () => encoder.addFifo(bytes('a/b'), meta(0o10644)),
    () => encoder.addFifo(bytes('a\0b'), meta(0o10644)),
    () => encoder.addFifo(bytes('a'.repeat(4097)), meta(0o10644)),
    () => encoder.addSymlink(bytes('l'), link, bytes('x'.repeat(4097))),
    () => encoder.startFile(bytes('f'), { ...file, xattrs: [long] }, 1),
    () => encoder.startFile(bytes('f'), { ...file, fcaps: Buffer.alloc(65792) }, 1),
    () => encoder.addHardLink(bytes('h'), bytes('/a'), 0),
  ];
  for (const call of refused) {
    assert.throws(call, (error) => error instanceof GranaryError && error.code === 'bad-request', String(call));
  }
  assert.equal(archive.position, size);
  encoder.addSymlink(bytes('l'), link, bytes('x'.repeat(4096)));
  encoder.startFile(bytes('f'), { ...file, xattrs: [{ ...long, value: Buffer.alloc(65784) }] }, 0);
  encoder.endFile();
  encoder.finish();
  assert.equal(encoder.position, archive.position);
});

test('calls out of turn are defects of the caller', () => {
  const isDefect = (error: unknown) => error instanceof GranaryError && error.code === 'internal';
  const { archive, encoder } = start();
  const file = meta(0o100644);
  assert.throws(() => encoder.start(rootMeta), isDefect);
  assert.throws(() => encoder.endDirectory(), isDefect);
  assert.throws(() => encoder.endFile(), isDefect);
  assert.throws(() => encoder.addFifo(bytes('f'), file), isDefect);
  assert.throws(() => encoder.startDirectory(bytes('f'), file), isDefect);
  assert.throws(() => encoder.addPayloadReference(bytes('f'), file, 1, 16), isDefect);
  assert.throws(() => encoder.addHardLink(bytes('h'), bytes('a'), 1_000_000), isDefect);
  encoder.startFile(bytes('f'), file, 3);
  archive.write(bytes('ab'));
  assert.throws(() => encoder.endFile(), isDefect);
  assert.throws(() => encoder.finish(), isDefect);
  archive.write(bytes('c'));
  encoder.endFile();
  encoder.startDirectory(bytes('g'), rootMeta);
  assert.throws(() => encoder.finish(), isDefect);
  encoder.endDirectory();
  encoder.finish();
  assert.throws(() => encoder.finish(), isDefect);
  assert.throws(() => new PxarEncoder({ archive, prelude: bytes('p') }), isDefect);
});
