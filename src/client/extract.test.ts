import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isRoot, temporaryDirectory } from '../../test/support/tree.ts';
import { MemorySink } from '../base/io.ts';
import { getInodeFlags } from '../os/inode-flags.ts';
import { listXattrs } from '../os/xattr.ts';
import { PxarEncoder } from '../pxar/encoder.ts';
import { parsePattern } from '../pxar/patterns.ts';
import { fileType, noAcl, noXattrs, type PxarEvent, type PxarMetadata } from '../pxar/types.ts';
import { type ExtractOptions, type ExtractSummary, extractArchive, extractEvents } from './extract.ts';

const name = (text: string) => Buffer.from(text);

function meta(mode: number, o: Partial<PxarMetadata> = {}): PxarMetadata {
  return {
    mode,
    flags: 0n,
    uid: process.getuid!(),
    gid: process.getgid!(),
    mtime: { seconds: 1_600_000_000n, nanos: 5 },
    xattrs: noXattrs,
    acl: noAcl,
    ...o,
  };
}

const directory = meta(fileType.directory | 0o755);
const regular = meta(fileType.regular | 0o644);

type Build = (encoder: PxarEncoder) => void;

function encode(build: Build): Buffer {
  const sink = new MemorySink();
  const encoder = new PxarEncoder({ archive: sink });
  encoder.start(directory);
  build(encoder);
  encoder.finish();
  return Buffer.from(sink.bytes());
}

function addFile(encoder: PxarEncoder, text: string, content: Uint8Array | string, m = regular): number {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const target = encoder.startFile(name(text), m, bytes.byteLength) as number;
  encoder.payloadSink.write(bytes);
  encoder.endFile();
  return target;
}

function extract(bytes: Uint8Array, target: string, o: ExtractOptions = {}): Promise<ExtractSummary> {
  const archive = (async function* () {
    yield bytes;
  })();
  return extractArchive({ archive }, target, o);
}

/** A target directory, and beside it a directory `outside` that nothing may touch. */
function place(t: TestContext): { dir: string; target: string; outside: string; untouched: () => void } {
  const dir = temporaryDirectory(t);
  const outside = join(dir, 'outside');
  fs.mkdirSync(outside);
  fs.writeFileSync(join(outside, 'precious'), 'precious');
  const stat = () =>
    JSON.stringify(
      [fs.statSync(outside), fs.statSync(join(outside, 'precious'))].map((s) => [
        s.mode,
        s.mtimeMs,
        s.nlink,
        s.ctimeMs,
      ]),
    );
  const before = stat();
  const untouched = () => {
    assert.deepEqual(fs.readdirSync(outside), ['precious']);
    assert.equal(fs.readFileSync(join(outside, 'precious'), 'utf8'), 'precious');
    assert.equal(stat(), before);
  };
  return { dir, target: join(dir, 'target'), outside, untouched };
}

const patterns = (...texts: string[]) => texts.map((text) => parsePattern(text, { type: 'include' }).pattern);

describe('extract: nothing leads out of the target', () => {
  it('does not write through a symlink that the archive itself made', async (t) => {
    const { target, untouched } = place(t);
    const bytes = encode((e) => {
      e.addSymlink(name('d'), meta(fileType.symlink | 0o777), name('../outside'));
      e.startDirectory(name('d'), directory);
      addFile(e, 'evil', 'evil');
      addFile(e, 'precious', 'evil');
      e.endDirectory();
      addFile(e, 'z', 'fine');
    });
    for (const o of [{}, { allowExistingDirs: true }, { allowExistingDirs: true, overwrite: true }]) {
      fs.rmSync(target, { recursive: true, force: true });
      const summary = await extract(bytes, target, o);
      assert.equal(summary.errorCount, 1);
      assert.equal(summary.errors[0]!.path, '"d"');
      assert.ok(fs.lstatSync(join(target, 'd')).isSymbolicLink());
      assert.equal(fs.readFileSync(join(target, 'z'), 'utf8'), 'fine');
      untouched();
    }
  });

  it('does not write through symlinks of an existing tree', async (t) => {
    const { target, outside, untouched } = place(t);
    fs.mkdirSync(join(target, 'a'), { recursive: true });
    fs.symlinkSync(outside, join(target, 'a/d'));
    fs.symlinkSync(join(outside, 'precious'), join(target, 'a/file'));
    fs.symlinkSync(join(outside, 'new'), join(target, 'a/dangling'));
    const bytes = encode((e) => {
      e.startDirectory(name('a'), directory);
      e.startDirectory(name('d'), directory);
      addFile(e, 'precious', 'evil');
      e.endDirectory();
      addFile(e, 'dangling', 'content', meta(fileType.regular | 0o600));
      addFile(e, 'file', 'content', meta(fileType.regular | 0o600));
      e.endDirectory();
    });
    const careful = await extract(bytes, target, { allowExistingDirs: true });
    assert.deepEqual(
      careful.errors.map(({ path }) => path),
      ['"a/d"', '"a/dangling"', '"a/file"'],
    );
    untouched();
    const overwriting = await extract(bytes, target, { allowExistingDirs: true, overwrite: true });
    assert.deepEqual(
      overwriting.errors.map(({ path }) => path),
      ['"a/d"'],
    );
    assert.ok(fs.lstatSync(join(target, 'a/file')).isFile());
    assert.equal(fs.readFileSync(join(target, 'a/dangling'), 'utf8'), 'content');
    untouched();
  });

  it('does not link to files outside, by whatever path', async (t) => {
    const { target, outside, untouched } = place(t);
    fs.mkdirSync(target);
    fs.symlinkSync(outside, join(target, 'out'));
    fs.symlinkSync(join(outside, 'precious'), join(target, 'link'));
    const summary = await extract(
      encode((e) => {
        const link = addFile(e, 'a', 'a');
        e.addHardLink(name('b'), name('out/precious'), link);
        e.addHardLink(name('c'), name('link'), link);
        e.addHardLink(name('d'), name('missing/file'), link);
        e.addHardLink(name('e'), name('a'), link);
      }),
      target,
    );
    assert.deepEqual(
      summary.errors.map(({ path }) => path),
      ['"b"', '"c"', '"d"'],
    );
    assert.match(summary.errors[1]!.text, /the file that it is a hard link to, "link", was not restored/);
    assert.equal(fs.statSync(join(target, 'e')).nlink, 2);
    untouched();
  });

  it('refuses names and targets that the decoder would have refused', async (t) => {
    const { target, untouched } = place(t);
    const root: PxarEvent = { kind: 'directory', name: name(''), path: name(''), offset: 0, meta: directory };
    const bad = ['..', '.', '', '../outside/evil', '/outside/evil', 'a/b', 'a\0b'];
    const events: PxarEvent[] = [root];
    for (const text of bad) {
      const entry = { name: name(text), path: name(text), offset: 1, meta: meta(fileType.symlink | 0o777) };
      events.push({ kind: 'symlink', target: name('x'), ...entry });
      events.push({
        kind: 'hardlink',
        targetOffset: 1,
        target: name(text),
        name: name('ok'),
        path: name('ok'),
        offset: 1,
      });
      const sub: PxarEvent = { kind: 'directory', ...entry, meta: directory };
      events.push(sub, { kind: 'end-directory', directory: sub as typeof root });
    }
    events.push({ kind: 'end-directory', directory: root });
    const summary = await extractEvents({ next: () => events.shift() }, target);
    assert.equal(summary.errorCount, bad.length * 3);
    assert.equal(summary.errors.length, 20);
    assert.deepEqual(fs.readdirSync(target), []);
    untouched();
  });

  it('refuses damaged names in the archive itself', async (t) => {
    const { dir, untouched } = place(t);
    const valid = encode((e) => {
      addFile(e, 'xxx', 'content');
      e.addHardLink(name('yyy'), name('xxx'), 56);
    });
    for (const [from, to] of [
      ['xxx\0', '../\0'],
      ['xxx\0', '/xx\0'],
      ['xxx\0', 'x/x\0'],
      ['yyy\0', '..\0\0'],
    ] as const) {
      const bytes = Buffer.from(valid);
      bytes.write(to, bytes.indexOf(from), 'latin1');
      await assert.rejects(extract(bytes, join(dir, 'target')), { code: 'pxar-invalid' });
      untouched();
    }
    const bytes = Buffer.from(valid);
    bytes.write('/xx\0', bytes.lastIndexOf('xxx\0'), 'latin1');
    await assert.rejects(extract(bytes, join(dir, 'target2')), { code: 'pxar-invalid' });
  });

  it('sets no attributes that archives do not carry', async (t) => {
    const { target } = place(t);
    const xattrs = ['security.capability', 'system.posix_acl_access', 'security.evil', 'user.fine'].map((text) => ({
      name: name(text),
      value: Buffer.from('AQAAAgAEAAAAAAAAAAAAAAAAAAA=', 'base64'),
    }));
    const summary = await extract(
      encode((e) => addFile(e, 'a', 'a', meta(fileType.regular | 0o600, { xattrs }))),
      target,
    );
    const names = listXattrs(name(join(target, 'a'))).map(String);
    const evil = names.filter((text) => text !== 'security.selinux' && text !== 'user.fine');
    assert.deepEqual(evil, []);
    assert.equal(summary.notRestored[0]?.kind, 'extended attributes');
    assert.equal(summary.notRestored[0]?.count, names.includes('user.fine') ? 3 : 4);
  });
});

describe('extract: existing things', () => {
  const bytes = encode((e) => {
    e.startDirectory(name('d'), directory);
    const target = addFile(e, 'file', 'new');
    e.addHardLink(name('hard'), name('d/file'), target);
    e.addSymlink(name('soft'), meta(fileType.symlink | 0o777), name('new'));
    e.addFifo(name('zfifo'), meta(fileType.fifo | 0o600));
    e.endDirectory();
  });

  async function restore(t: TestContext, o: ExtractOptions): Promise<{ summary: ExtractSummary; old: string[] }> {
    const { target } = place(t);
    const names = ['file', 'hard', 'soft', 'zfifo'];
    fs.mkdirSync(join(target, 'd'), { recursive: true });
    for (const text of names) fs.writeFileSync(join(target, 'd', text), 'old');
    const summary = await extract(bytes, target, o);
    const isOld = (text: string) => {
      const stat = fs.lstatSync(join(target, 'd', text));
      return stat.isFile() && fs.readFileSync(join(target, 'd', text), 'utf8') === 'old';
    };
    return { summary, old: names.filter(isOld) };
  }

  it('stay as they are unless told otherwise', async (t) => {
    const { summary, old } = await restore(t, {});
    assert.deepEqual(summary.errors, [
      { path: '"d"', text: 'EEXIST: a directory cannot be made: something of that name exists' },
    ]);
    assert.deepEqual(old, ['file', 'hard', 'soft', 'zfifo']);
    const careful = await restore(t, { allowExistingDirs: true });
    assert.deepEqual([careful.old, careful.summary.errorCount], [['file', 'hard', 'soft', 'zfifo'], 4]);
  });

  it('are replaced by kind', async (t) => {
    const allowExistingDirs = true;
    assert.deepEqual((await restore(t, { allowExistingDirs, overwriteFiles: true })).old, ['hard', 'soft', 'zfifo']);
    assert.deepEqual((await restore(t, { allowExistingDirs, overwriteSymlinks: true })).old, ['file', 'hard', 'zfifo']);
    // Not linked to what else is there under the target's name.
    assert.deepEqual((await restore(t, { allowExistingDirs, overwriteHardlinks: true })).old, [
      'file',
      'hard',
      'soft',
      'zfifo',
    ]);
    const all = await restore(t, { allowExistingDirs, overwrite: true });
    assert.deepEqual([all.old, all.summary.errors], [[], []]);
  });

  it('are replaced by new files, so that other names of the old one keep their content', async (t) => {
    const { target, outside, untouched } = place(t);
    fs.mkdirSync(join(target, 'd'), { recursive: true });
    fs.linkSync(join(outside, 'precious'), join(target, 'd/file'));
    await extract(bytes, target, { allowExistingDirs: true, overwrite: true });
    assert.equal(fs.readFileSync(join(target, 'd/file'), 'utf8'), 'new');
    assert.equal(fs.readFileSync(join(outside, 'precious'), 'utf8'), 'precious');
    assert.throws(untouched);
  });

  it('that are directories are never removed', async (t) => {
    const { target } = place(t);
    fs.mkdirSync(join(target, 'd/file/sub'), { recursive: true });
    const summary = await extract(bytes, target, { allowExistingDirs: true, overwrite: true });
    assert.deepEqual(summary.errors[0], { path: '"d/file"', text: 'EISDIR: a directory is in its place' });
    assert.ok(fs.existsSync(join(target, 'd/file/sub')));
  });

  it('end the restore at once when it is strict', async (t) => {
    const { target } = place(t);
    fs.mkdirSync(join(target, 'd'), { recursive: true });
    await assert.rejects(extract(bytes, target, { strict: true }), /"d": EEXIST/);
  });
});

describe('extract: selection', () => {
  const bytes = encode((e) => {
    addFile(e, 'a.txt', 'a');
    e.startDirectory(name('d'), meta(fileType.directory | 0o700));
    addFile(e, 'b.txt', 'b');
    addFile(e, 'c.log', 'c');
    e.startDirectory(name('e'), directory);
    addFile(e, 'f.txt', 'f');
    e.endDirectory();
    e.startDirectory(name('never'), directory);
    addFile(e, 'g.log', 'g');
    e.endDirectory();
    e.endDirectory();
  });

  async function selected(t: TestContext, ...texts: string[]): Promise<string[]> {
    const { target } = place(t);
    await extract(bytes, target, { patterns: patterns(...texts) });
    return (fs.readdirSync(target, { recursive: true }) as string[]).sort();
  }

  it('restores what is included, and the directories above it', async (t) => {
    assert.deepEqual(await selected(t, '*.txt'), ['a.txt', 'd', 'd/b.txt', 'd/e', 'd/e/f.txt']);
    assert.deepEqual(await selected(t, 'd/e'), ['d', 'd/e', 'd/e/f.txt']);
    assert.deepEqual(await selected(t, '/d/'), [
      'd',
      'd/b.txt',
      'd/c.log',
      'd/e',
      'd/e/f.txt',
      'd/never',
      'd/never/g.log',
    ]);
    assert.deepEqual(await selected(t, 'nothing'), []);
  });

  it('takes the last match, and inherits a decision', async (t) => {
    const exclude = (text: string) => parsePattern(text).pattern;
    const { target } = place(t);
    await extract(bytes, target, { patterns: [...patterns('d'), exclude('*.log'), exclude('d/e')] });
    assert.deepEqual((fs.readdirSync(target, { recursive: true }) as string[]).sort(), ['d', 'd/b.txt', 'd/never']);
    const { target: other } = place(t);
    await extract(bytes, other, { patterns: [exclude('d/')] });
    assert.deepEqual(fs.readdirSync(other), ['a.txt']);
  });

  it('gives directories above a selected entry their metadata, but not the target', async (t) => {
    const { target } = place(t);
    await extract(bytes, target, { patterns: patterns('f.txt') });
    assert.equal(fs.statSync(join(target, 'd')).mode & 0o777, 0o700);
    assert.equal(fs.statSync(join(target, 'd'), { bigint: true }).mtimeNs, 1_600_000_000_000_000_005n);
    assert.equal(fs.statSync(target).mode & 0o777, 0o700);
    assert.notEqual(fs.statSync(target, { bigint: true }).mtimeNs, 1_600_000_000_000_000_005n);
  });
});

describe('extract: content and metadata', () => {
  it('writes zero blocks as holes, whatever the pieces of the stream', async (t) => {
    const content = Buffer.alloc(3_000_001);
    content.write('start', 0);
    content.write('in the middle', 1_500_000);
    content.fill('x', 2_000_000, 2_010_000);
    for (const [text, tail] of [
      ['hole at the end', ''],
      ['data at the end', 'end'],
    ] as const) {
      content.write(tail, content.byteLength - tail.length);
      const bytes = encode((e) => {
        addFile(e, 'sparse', content);
        addFile(e, 'zero', Buffer.alloc(1_000_000));
        addFile(e, 'one', Buffer.alloc(1));
        addFile(e, 'empty', '');
      });
      for (const size of [bytes.byteLength, 10_007]) {
        const { target } = place(t);
        const archive = (async function* () {
          for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
        })();
        const summary = await extractArchive({ archive }, target);
        assert.equal(summary.bytes, content.byteLength + 1_000_001);
        assert.ok(fs.readFileSync(join(target, 'sparse')).equals(content), text);
        assert.ok(fs.readFileSync(join(target, 'zero')).equals(Buffer.alloc(1_000_000)));
        assert.ok(fs.readFileSync(join(target, 'one')).equals(Buffer.alloc(1)));
        assert.equal(fs.statSync(join(target, 'empty')).size, 0);
        assert.ok(fs.statSync(join(target, 'sparse')).blocks * 512 < 400_000);
        assert.ok(fs.statSync(join(target, 'zero')).blocks * 512 < 20_000);
      }
    }
  });

  it('leaves no partial file when the archive breaks off', async (t) => {
    const bytes = encode((e) => {
      addFile(e, 'a', 'complete');
      addFile(e, 'b', Buffer.alloc(100_000, 1));
    });
    const { target } = place(t);
    await assert.rejects(extract(bytes.subarray(0, 50_000), target), { code: 'pxar-invalid' });
    assert.deepEqual(fs.readdirSync(target), ['a']);
    const { target: other } = place(t);
    const archive = (async function* () {
      yield bytes.subarray(0, 50_000);
      throw Object.assign(new Error('ECONNRESET: connection lost'), { code: 'ECONNRESET' });
    })();
    await assert.rejects(extractArchive({ archive }, other), /connection lost/);
    assert.deepEqual(fs.readdirSync(other), ['a']);
  });

  it('can be cancelled, and closes everything', async (t) => {
    const { target } = place(t);
    const before = fs.readdirSync('/proc/self/fd').length;
    const abort = new AbortController();
    const bytes = encode((e) => {
      e.startDirectory(name('d'), directory);
      for (let i = 0; i < 100; i++) addFile(e, `f${i}`, Buffer.alloc(10_000_000 / 100, 1));
      e.endDirectory();
    });
    const archive = (async function* () {
      yield bytes.subarray(0, 5_000_000);
      abort.abort(new Error('enough'));
      yield bytes.subarray(5_000_000);
    })();
    await assert.rejects(extractArchive({ archive }, target, { signal: abort.signal }), { code: 'aborted' });
    assert.equal(fs.readdirSync('/proc/self/fd').length, before);
  });

  it('makes a target with mode 0700 and directories that nobody may enter before they are complete', async (t) => {
    const { target } = place(t);
    let during = -1;
    const root = { kind: 'directory', name: name(''), path: name(''), offset: 0, meta: directory } as const;
    const sub = { kind: 'directory', name: name('d'), path: name('d'), offset: 1, meta: directory } as const;
    const events: (() => PxarEvent)[] = [
      () => root,
      () => {
        assert.equal(fs.statSync(target).mode & 0o7777, 0o700);
        return sub;
      },
      () => {
        during = fs.statSync(join(target, 'd')).mode & 0o7777;
        return { kind: 'end-directory', directory: sub };
      },
      () => ({ kind: 'end-directory', directory: root }),
    ];
    await extractEvents({ next: () => events.shift()?.() }, target);
    assert.equal(during, 0o700);
    assert.equal(fs.statSync(join(target, 'd')).mode & 0o7777, 0o755);
    assert.equal(fs.statSync(target).mode & 0o7777, 0o755);
  });

  it('leaves out the metadata and kinds that are not wanted', async (t) => {
    const { target } = place(t);
    const xattrs = [{ name: name('user.x'), value: name('y') }];
    const bytes = encode((e) => {
      addFile(e, 'a', 'a', meta(fileType.regular | 0o4777, { xattrs, uid: 4242, gid: 4242 }));
      e.addFifo(name('fifo'), meta(fileType.fifo | 0o600));
      e.addSocket(name('socket'), meta(fileType.socket | 0o600));
      e.addDevice(name('z'), meta(fileType.characterDevice | 0o600), 1, 3);
    });
    const summary = await extract(bytes, target, {
      ignoreOwnership: true,
      ignoreXattrs: true,
      deviceNodes: false,
      fifos: false,
      sockets: false,
    });
    assert.deepEqual([summary.errors, summary.notRestored], [[], []]);
    assert.deepEqual(fs.readdirSync(target), ['a']);
    const stat = fs.statSync(join(target, 'a'));
    // Not set-uid, because it is not the archived owner's file.
    assert.deepEqual([stat.uid, stat.mode & 0o7777], [process.getuid!(), 0o777]);
    assert.ok(
      !listXattrs(name(join(target, 'a')))
        .map(String)
        .includes('user.x'),
    );
    const { target: other } = place(t);
    await extract(bytes, other, { ignorePermissions: true, ignoreDeviceErrors: true, ignoreOwnership: true });
    assert.equal(fs.statSync(join(other, 'a')).mode & 0o7777, 0o600);
  });

  it('links files that carry the immutable flag', async (t) => {
    const { target } = place(t);
    const bytes = encode((e) => {
      const link = addFile(e, 'a', 'a', meta(fileType.regular | 0o644, { flags: 0x400000n }));
      e.addHardLink(name('b'), name('a'), link);
    });
    const summary = await extract(bytes, target);
    assert.deepEqual(summary.errors, []);
    assert.equal(fs.statSync(join(target, 'b')).nlink, 2);
    // Where the flag can be set, it is there again after linking.
    if (summary.notRestored.length === 0) {
      const fd = fs.openSync(join(target, 'b'), 'r');
      assert.equal((getInodeFlags(fd) ?? 0) & 0x10, 0x10);
      fs.closeSync(fd);
    } else assert.equal(summary.notRestored[0]?.kind, 'file flags');
  });

  it('tells once, by kind, what a normal user cannot restore', (t) => {
    const dir = temporaryDirectory(t);
    fs.chmodSync(dir, 0o777);
    const trusted = [{ name: name('trusted.x'), value: name('y') }];
    const bytes = encode((e) => {
      for (const file of ['a', 'b', 'c']) {
        addFile(e, file, file, meta(fileType.regular | 0o4755, { uid: 1, gid: 2, xattrs: trusted, fcaps: name('x') }));
      }
      e.addDevice(name('null'), meta(fileType.characterDevice | 0o666), 1, 3);
      e.startDirectory(name('z'), meta(fileType.directory | 0o500, { uid: 65534, gid: 65534 }));
      addFile(e, 'inside', 'a directory that may not be written');
      e.endDirectory();
    });
    fs.writeFileSync(join(dir, 'archive'), bytes);
    const script = `
      import { readFileSync } from 'node:fs';
      const { extractArchive } = await import(${JSON.stringify(new URL('./extract.ts', import.meta.url).href)});
      const archive = (async function* () { yield readFileSync(${JSON.stringify(join(dir, 'archive'))}); })();
      console.log(JSON.stringify(await extractArchive({ archive }, ${JSON.stringify(join(dir, 'target'))})));`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      ...(isRoot ? { uid: 65534, gid: 65534 } : undefined),
    });
    assert.equal(child.stderr, '');
    const summary = JSON.parse(child.stdout) as ExtractSummary;
    assert.deepEqual([summary.errors, summary.files], [[], 4]);
    const counts = Object.fromEntries(summary.notRestored.map(({ kind, count }) => [kind, count]));
    assert.ok(counts['ownership']! >= 3);
    assert.deepEqual([counts['extended attributes'], counts['capabilities'], counts['device nodes']], [3, 3, 1]);
    assert.match(summary.notRestored[0]!.reason, /^EPERM: /);
    assert.equal(fs.statSync(join(dir, 'target/a')).mode & 0o7777, 0o755);
  });
});
