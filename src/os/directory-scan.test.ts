import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryDirectory } from '../../test/support/tree.ts';
import { DirectoryScan } from './directory-scan.ts';

describe('scan of a directory', () => {
  it('tells the same of each entry as node:fs', (t) => {
    const dir = temporaryDirectory(t);
    // More than one call of the kernel gives.
    const names = Array.from({ length: 2000 }, (_, i) => `entry-with-a-rather-long-name-${i}`);
    names.push('..a', '.a', '...', 'a', 'x'.repeat(255), 'größe');
    for (const [i, name] of names.entries()) {
      fs.writeFileSync(join(dir, name), 'x'.repeat(i % 7));
      fs.utimesSync(join(dir, name), 1_700_000_000.75 + i, 5);
    }
    fs.truncateSync(join(dir, '.a'), 5 * 2 ** 32 + 7);
    fs.utimesSync(join(dir, '.a'), -1.5, 5);
    fs.utimesSync(join(dir, '..a'), 2 ** 32 + 3, 5);
    fs.mkdirSync(join(dir, 'sub'));
    fs.symlinkSync('a', join(dir, 'link'));
    const found = new Map<string, { size: number; accessed: number } | undefined>();
    {
      using scan = DirectoryScan.open(dir)!;
      while (scan.next()) {
        assert.equal(scan.nameLength, Buffer.byteLength(scan.name));
        assert.equal(scan.nameByte(0), Buffer.from(scan.name)[0]);
        const facts = scan.isFile() ? { size: scan.size, accessed: scan.accessed } : undefined;
        assert.ok(!found.has(scan.name));
        found.set(scan.name, facts);
      }
    }
    const expected = fs.readdirSync(dir).map((name) => {
      const stat = fs.lstatSync(join(dir, name));
      return [
        name,
        stat.isFile() ? { size: stat.size, accessed: Math.floor(stat.atimeMs / 1000) } : undefined,
      ] as const;
    });
    assert.equal(found.size, names.length + 2);
    assert.deepEqual(found, new Map(expected));
  });

  it('passes over what is gone, and is open only while it is used', (t) => {
    const dir = temporaryDirectory(t);
    assert.equal(DirectoryScan.open(join(dir, 'missing')), undefined);
    fs.writeFileSync(join(dir, 'file'), 'x');
    assert.throws(() => DirectoryScan.open(join(dir, 'file')), { code: 'ENOTDIR' });
    const scan = DirectoryScan.open(dir)!;
    assert.ok(scan.next());
    fs.rmSync(join(dir, 'file'));
    assert.equal(scan.isFile(), false);
    scan[Symbol.dispose]();
    assert.throws(() => scan.isFile(), { code: 'EBADF' });
    assert.throws(
      () => {
        while (scan.next());
      },
      { code: 'EBADF' },
    );
  });
});
