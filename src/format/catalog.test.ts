// Catalogs: the vector both ways, integers, any tree, every check of the reader, damage.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { vectors } from '../../test/support/golden.ts';
import { damaged, readsOrRefusesAsync } from '../../test/support/mutate.ts';
import { toHex, writeU64 } from '../base/bytes.ts';
import { GranaryError } from '../base/errors.ts';
import { MemoryReadAt, MemorySink } from '../base/io.ts';
import { CatalogWriter, catalogMagic } from './catalog.ts';
import { CatalogReader, formatCatalogLine } from './catalog-reader.ts';
import { pushSigned, pushUnsigned, VarintReader } from './varint.ts';

const vector = vectors<{ u64: Record<string, string>; i64: Record<string, string>; file_hex: string }>('catalog');
const bytesOf = (text: string): Uint8Array => Buffer.from(text);
const vectorFile = Buffer.from(vector.file_hex, 'hex');
const fail = (text: string) => new GranaryError('catalog-invalid', text);

async function write(build: (writer: CatalogWriter) => Promise<void> | void): Promise<Uint8Array> {
  const sink = new MemorySink();
  const writer = new CatalogWriter(sink);
  await build(writer);
  await writer.finish();
  return sink.bytes();
}

const readerOf = (bytes: Uint8Array): CatalogReader => new CatalogReader(new MemoryReadAt(bytes), 'x');

async function list(bytes: Uint8Array): Promise<string[]> {
  const lines: string[] = [];
  for await (const { path, entry } of readerOf(bytes).walk()) lines.push(formatCatalogLine(path, entry));
  return lines;
}

async function refuses(text: RegExp, read: () => Promise<unknown>): Promise<void> {
  await assert.rejects(read, (error) => {
    assert.ok(error instanceof GranaryError, String(error));
    assert.equal(error.code, 'catalog-invalid');
    assert.match(error.message, /^x: at offset \d+: /);
    assert.match(error.message, text);
    return true;
  });
}

test('the magic is the first bytes of the hashed label', () => {
  const sum = createHash('sha256').update('Proxmox Backup Catalog file v1.0').digest('hex');
  assert.equal(toHex(catalogMagic), sum.slice(0, 16));
});

test('integers of the vector, both ways', () => {
  for (const [value, hex] of Object.entries(vector.u64)) {
    const out: number[] = [];
    pushUnsigned(out, BigInt(value));
    assert.equal(toHex(Uint8Array.from(out)), hex, value);
    assert.equal(BigInt(new VarintReader(Uint8Array.from(out), 0, fail).unsigned64('n')), BigInt(value));
  }
  for (const [value, hex] of Object.entries(vector.i64)) {
    const out: number[] = [];
    pushSigned(out, BigInt(value));
    assert.equal(toHex(Uint8Array.from(out)), hex, value);
    assert.equal(new VarintReader(Uint8Array.from(out), 0, fail).signed64('n'), BigInt(value));
  }
});

test('any integer survives, as number and as bigint', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      (u, i) => {
        const out: number[] = [];
        pushUnsigned(out, u);
        pushSigned(out, i);
        const safe = Number(BigInt.asIntN(53, i));
        pushSigned(out, safe);
        const reader = new VarintReader(Uint8Array.from(out), 0, fail);
        assert.equal(BigInt(reader.unsigned64('u')), u);
        assert.equal(reader.signed64('i'), i);
        assert.equal(reader.signed64('safe'), BigInt(safe));
        assert.equal(reader.at, out.length);
      },
    ),
  );
});

test('integers beyond 64 bits and cut ones are refused', () => {
  const read = (hex: string) => new VarintReader(Buffer.from(hex, 'hex'), 0, fail);
  assert.throws(() => read('ffffffffffffffffff02').unsigned64('n'), /more than 64 bits/);
  assert.throws(() => read('ffffffffffffffffffff').unsigned64('n'), /more than 64 bits/);
  assert.throws(() => read('80808080808080808001').signed64('n'), /more than 64 bits/);
  assert.throws(() => read('8180808080808080808100').signed64('n'), /more than 64 bits/);
  assert.throws(() => read('ffff').unsigned64('n'), /cut off/);
  assert.throws(() => read('80808080808080 10'.replace(' ', '')).unsigned('n'), /beyond 2\^53/);
  assert.equal(read('8000').signed64('n'), 0n);
  assert.throws(() => pushUnsigned([], 2n ** 64n), GranaryError);
  assert.throws(() => pushUnsigned([], -1), GranaryError);
  assert.throws(() => pushSigned([], 2n ** 63n), GranaryError);
  assert.throws(() => pushSigned([], -(2n ** 63n) - 1n), GranaryError);
});

test('the vector is written byte for byte', async () => {
  const bytes = await write(async (writer) => {
    writer.startDirectory(bytesOf('root.pxar.didx'));
    writer.addFile(bytesOf('a.txt'), 300, 1593179765n);
    writer.startDirectory(bytesOf('etc'));
    writer.addFile(bytesOf('hosts'), 5, -1);
    writer.addSymlink(bytesOf('link'));
    await writer.endDirectory();
    writer.addHardLink(bytesOf('hard'));
    writer.addFifo(bytesOf('pipe'));
    await writer.endDirectory();
  });
  assert.equal(toHex(bytes), vector.file_hex);
});

test('the vector is listed in stored order', async () => {
  assert.deepEqual(await list(vectorFile), [
    'd "./root.pxar.didx"',
    'f "./root.pxar.didx/a.txt" 300 2020-06-26T13:56:05Z',
    'd "./root.pxar.didx/etc"',
    'f "./root.pxar.didx/etc/hosts" 5 1969-12-31T23:59:59Z',
    'l "./root.pxar.didx/etc/link"',
    'h "./root.pxar.didx/hard"',
    'p "./root.pxar.didx/pipe"',
  ]);
});

test('look-up by path', async () => {
  const reader = readerOf(vectorFile);
  const kindAt = async (path: string) => (await reader.lookup(bytesOf(path)))?.kind;
  assert.equal(await kindAt(''), 'directory');
  assert.equal(await kindAt('/root.pxar.didx//etc/'), 'directory');
  assert.equal(await kindAt('root.pxar.didx/etc/link'), 'symlink');
  assert.equal(await kindAt('root.pxar.didx/etc/link/x'), undefined);
  assert.equal(await kindAt('root.pxar.didx/nothing'), undefined);
  const hosts = await reader.lookup(bytesOf('root.pxar.didx/etc/hosts'));
  assert.deepEqual({ ...hosts, name: '' }, { kind: 'file', name: '', size: 5, mtime: -1n });
});

test('an empty catalog and kinds of every letter', async () => {
  const empty = await write(() => {});
  assert.deepEqual(await list(empty), []);
  const all = await write(async (writer) => {
    writer.startDirectory(Uint8Array.of(0xff, 0x20));
    writer.addBlockDevice(bytesOf('b'));
    writer.addCharDevice(bytesOf('c'));
    writer.addSocket(bytesOf('s'));
    writer.addFile(bytesOf('f'), 2 ** 53 - 1, 2n ** 63n - 1n);
    writer.addFile(bytesOf('g'), 0, 253402300800n);
    await writer.endDirectory();
  });
  assert.deepEqual(await list(all), [
    'd "./\\xFF "',
    'b "./\\xFF /b"',
    'c "./\\xFF /c"',
    's "./\\xFF /s"',
    'f "./\\xFF /f" 9007199254740991 9223372036854775807',
    'f "./\\xFF /g" 0 10000-01-01T00:00:00Z',
  ]);
});

interface Tree {
  name: Uint8Array;
  children?: Tree[];
  size?: number;
  mtime?: bigint;
}

test('any tree survives, blocks larger than the first read included', async () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 300 })
    .map((bytes) => bytes.map((b) => (b === 0 || b === 0x2f ? 0x41 : b)))
    .filter((bytes) => !/^\.{1,2}$/.test(Buffer.from(bytes).toString('latin1')));
  const { tree } = fc.letrec<{ tree: Tree; file: Tree; directory: Tree }>((tie) => ({
    tree: fc.oneof({ depthSize: 'small' }, tie('file'), tie('directory')),
    file: fc.record({ name, size: fc.maxSafeNat(), mtime: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
    directory: fc.record({ name, children: fc.array(tie('tree'), { maxLength: 30 }) }),
  }));
  const add = async (writer: CatalogWriter, entry: Tree): Promise<void> => {
    if (!entry.children) return writer.addFile(entry.name, entry.size!, entry.mtime!);
    writer.startDirectory(entry.name);
    for (const child of entry.children) await add(writer, child);
    await writer.endDirectory();
  };
  const flatten = (entry: Tree, parent: string): string[] => {
    const path = `${parent}/${toHex(entry.name)}`;
    if (!entry.children) return [`${path} ${entry.size} ${entry.mtime}`];
    return [path, ...entry.children.flatMap((child) => flatten(child, path))];
  };
  await fc.assert(
    fc.asyncProperty(fc.array(tree, { maxLength: 5 }), async (roots) => {
      const bytes = await write(async (writer) => {
        for (const root of roots) await add(writer, root);
      });
      const found: string[] = [];
      for await (const { path, entry } of readerOf(bytes).walk(undefined, '')) {
        const parts: string[] = [];
        let from = 0;
        for (let at = 0; at <= path.byteLength; at++) {
          if (at < path.byteLength && path[at] !== 0x2f) continue;
          parts.push(toHex(path.subarray(from, at)));
          from = at + 1;
        }
        const text = `/${parts.join('/')}`;
        found.push(entry.kind === 'file' ? `${text} ${entry.size} ${entry.mtime}` : text);
      }
      assert.deepEqual(
        found,
        roots.flatMap((root) => flatten(root, '')),
      );
    }),
    { numRuns: 50 },
  );
});

test('the writer refuses wrong names and wrong order', async () => {
  const writer = new CatalogWriter(new MemorySink());
  for (const name of ['', 'a/b', 'a\0b', 'x'.repeat(4096)]) {
    assert.throws(() => writer.addFifo(bytesOf(name)), GranaryError);
    assert.throws(() => writer.startDirectory(bytesOf(name)), GranaryError);
  }
  assert.throws(() => writer.endDirectory(), /no open directory/);
  writer.startDirectory(bytesOf('a'));
  assert.throws(() => writer.finish(), /not ended/);
  await writer.endDirectory();
  await writer.finish();
  assert.throws(() => writer.addFifo(bytesOf('a')), /finished/);
});

/** A catalog of one root block with this content. */
function oneBlock(content: readonly number[], length = content.length): Uint8Array {
  const head: number[] = [];
  pushUnsigned(head, length);
  const bytes = Buffer.concat([catalogMagic, Uint8Array.from(head), Uint8Array.from(content), new Uint8Array(8)]);
  writeU64(bytes, bytes.byteLength - 8, 8);
  return bytes;
}

test('every statement of the catalog is checked', async () => {
  const listing = (bytes: Uint8Array) => () => list(bytes);
  await refuses(/too few/, listing(vectorFile.subarray(0, 15)));
  await refuses(/wrong magic/, listing(Buffer.concat([Buffer.alloc(8), vectorFile.subarray(8)])));
  for (const root of [0n, 7n, BigInt(vectorFile.byteLength - 8), 2n ** 64n - 1n]) {
    const bytes = Buffer.from(vectorFile);
    writeU64(bytes, bytes.byteLength - 8, root);
    await refuses(/root block lies outside/, listing(bytes));
  }
  await refuses(/a block of 0 bytes/, listing(oneBlock([], 0)));
  await refuses(/a block of 4 bytes does not fit/, listing(oneBlock([0, 0, 0], 4)));
  await refuses(/2 bytes left over/, listing(oneBlock([0, 0, 0])));
  await refuses(/unknown type/, listing(oneBlock([1, 0x78, 1, 0x61])));
  await refuses(/cut off or of unknown type/, listing(oneBlock([2, 0x6c, 1, 0x61])));
  await refuses(/a name of 4096 bytes/, listing(oneBlock([1, 0x6c, 0x80, 0x20])));
  await refuses(/a name is cut off/, listing(oneBlock([1, 0x6c, 2, 0x61])));
  for (const name of ['', '.', '..', 'a/b', 'a\0']) {
    await refuses(/not a name/, listing(oneBlock([1, 0x6c, name.length, ...bytesOf(name)])));
  }
  await refuses(/lies outside/, listing(oneBlock([1, 0x64, 1, 0x61, 1])));
  await refuses(/lies outside/, listing(oneBlock([1, 0x64, 1, 0x61, 0])));
  await refuses(/size of a file is cut off/, listing(oneBlock([1, 0x66, 1, 0x61])));
  await refuses(/time of a file is cut off/, listing(oneBlock([1, 0x66, 1, 0x61, 1])));
});

test('directories that share a block are refused before they list without end', async () => {
  // Thirty blocks, each naming the one before twice: 2^30 lines if they were believed.
  const parts: Buffer[] = [Buffer.from(catalogMagic), Buffer.from([1, 0])];
  let previous = 8;
  let position = 10;
  for (let i = 0; i < 30; i++) {
    const distance = position - previous;
    const block = Buffer.from([9, 2, 0x64, 1, 0x61, distance, 0x64, 1, 0x62, distance]);
    previous = position;
    position += block.byteLength;
    parts.push(block);
  }
  const trailer = new Uint8Array(8);
  writeU64(trailer, 0, previous);
  await refuses(/two directories share this block/, () => list(Buffer.concat([...parts, trailer])));
});

test('nesting beyond the limit is refused', async () => {
  const bytes = await write(async (writer) => {
    for (let i = 0; i < 5000; i++) writer.startDirectory(bytesOf('a'));
    for (let i = 0; i < 5000; i++) await writer.endDirectory();
  });
  await refuses(/nested deeper/, async () => {
    for await (const _ of readerOf(bytes).walk());
  });
});

test('damaged catalogs: refused or read, never anything else', async () => {
  await fc.assert(
    fc.asyncProperty(damaged(vectorFile), async (bytes) => {
      await readsOrRefusesAsync(() => list(bytes));
      await readsOrRefusesAsync(() => readerOf(bytes).lookup(bytesOf('root.pxar.didx/etc/hosts')));
    }),
    { numRuns: 500 },
  );
});
