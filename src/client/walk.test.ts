import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isRoot, temporaryDirectory } from '../../test/support/tree.ts';
import { type ByteSink, MemorySink } from '../base/io.ts';
import { decodePxar } from '../pxar/decoder.ts';
import { parsePattern } from '../pxar/patterns.ts';
import { type ArchiveOptions, archiveTree, devicesOf } from './walk.ts';

interface Seen {
  /** `kind path` and, for files, content; in archive order. */
  lines: string[];
  content: Map<string, Buffer>;
}

async function decode(bytes: Uint8Array): Promise<Seen> {
  const seen: Seen = { lines: [], content: new Map() };
  const archive = (async function* () {
    yield bytes;
  })();
  for await (const event of decodePxar({ archive })) {
    if (event.kind === 'end-directory' || event.kind === 'prelude') continue;
    const path = Buffer.from(event.path).toString();
    seen.lines.push(`${event.kind} ${path}`.trim());
    if (event.kind !== 'file') continue;
    const parts: Uint8Array[] = [];
    for await (const part of event.content()) parts.push(Uint8Array.from(part));
    seen.content.set(path, Buffer.concat(parts));
  }
  return seen;
}

/** Archives into memory; `onWrite` runs before each piece of metadata is written. */
async function run(
  root: string,
  o: Partial<ArchiveOptions> = {},
  onWrite: (bytes: Uint8Array) => void = () => {},
): Promise<Seen & { warnings: string[] }> {
  const sink = new MemorySink();
  const archive: ByteSink = {
    get position() {
      return sink.position;
    },
    write(bytes) {
      onWrite(bytes);
      sink.write(bytes);
    },
    reserve: (max) => sink.reserve(max),
    commit: (length) => sink.commit(length),
  };
  const warnings: string[] = [];
  const onWarning = (path: Uint8Array, text: string) => warnings.push(`${Buffer.from(path)}: ${text}`);
  await archiveTree(root, { archive, onWarning, ...o });
  return { ...(await decode(sink.bytes())), warnings };
}

/** Makes files named by path with their name as content; a name that ends in `/` is a directory. */
function make(t: TestContext, ...names: string[]): string {
  const root = temporaryDirectory(t);
  for (const name of names) {
    fs.mkdirSync(join(root, name, name.endsWith('/') ? '.' : '..'), { recursive: true });
    if (!name.endsWith('/')) fs.writeFileSync(join(root, name), name);
  }
  return root;
}

const patterns = (...texts: string[]) => texts.map((text) => parsePattern(text).pattern);

describe('walk', () => {
  it('sorts by bytes, tells hard links and counts', async (t) => {
    const root = make(t, 'b', 'a/x', 'a.b', 'B', 'ä', 'a-b', 'empty/');
    fs.linkSync(join(root, 'a/x'), join(root, 'z'));
    fs.symlinkSync('b', join(root, 'c'));
    const { lines, content } = await run(root);
    assert.deepEqual(lines, [
      'directory',
      'file B',
      'directory a',
      'file a/x',
      'file a-b',
      'file a.b',
      'file b',
      'symlink c',
      'directory empty',
      'hardlink z',
      'file ä',
    ]);
    assert.equal(content.get('a/x')?.toString(), 'a/x');
  });

  it('leaves out what patterns exclude, and keeps the patterns', async (t) => {
    const root = make(t, 'a.tmp', 'keep.tmp', 'cache/x', 'sub/cache', 'sub/a.tmp', 'lost+found/x', 'sub/.pxarexclude');
    fs.writeFileSync(join(root, '.pxarexclude-cli'), 'a real file of that name');
    fs.writeFileSync(join(root, 'sub/.pxarexclude'), '# comment\n/a.tmp\n!*.log\n[\n');
    fs.writeFileSync(join(root, 'sub/x.log'), '');
    const { lines, content, warnings } = await run(root, {
      patterns: patterns('*.tmp', '!keep.tmp', 'cache/', '*.log'),
      skipLostAndFound: true,
    });
    assert.deepEqual(lines, [
      'directory',
      'file keep.tmp',
      'directory sub',
      'file sub/.pxarexclude',
      'file sub/cache',
      'file sub/x.log',
      'file .pxarexclude-cli',
    ]);
    assert.equal(content.get('.pxarexclude-cli')?.toString(), '*.tmp\n!keep.tmp\ncache/\n*.log\nlost+found\n');
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^sub\/\.pxarexclude: line 4: /);
  });

  it('uses no exclude file that is not a readable regular file', async (t) => {
    const root = make(t, 'a/x', 'b/x', 'list');
    fs.writeFileSync(join(root, 'list'), 'x\n');
    fs.symlinkSync('../list', join(root, 'a/.pxarexclude'));
    fs.mkdirSync(join(root, 'b/.pxarexclude'));
    const { lines, warnings } = await run(root);
    assert.ok(lines.includes('file a/x') && lines.includes('file b/x'));
    assert.equal(warnings.length, 2);
    for (const text of warnings) assert.match(text, /\.pxarexclude: exclude patterns not used: /);
  });

  it('keeps patterns in the prelude of a split archive, and announces file starts', async (t) => {
    const root = make(t, 'a', 'b', 'c.tmp');
    const metadata = new MemorySink();
    const offsets: number[] = [];
    const payload = Object.assign(new MemorySink(), { suggest: (offset: number) => void offsets.push(offset) });
    await archiveTree(root, { archive: metadata, payload, patterns: patterns('*.tmp') });
    assert.deepEqual(offsets, [16, 33]);
    const text = Buffer.from(metadata.bytes()).toString('latin1');
    assert.ok(text.includes('{"exclude-patterns":"*.tmp\\n"}'));
    assert.ok(!text.includes('.pxarexclude-cli'));
  });

  it('warns about entries that vanish or change their kind, and goes on', async (t) => {
    const root = make(t, 'a', 'b', 'c/x', 'd', 'e', 'f');
    const { lines, warnings } = await run(root, {}, (bytes) => {
      // When the header of `a` is written, the whole directory has been listed.
      if (!Buffer.from(bytes).includes('a\0')) return;
      fs.rmSync(join(root, 'b'));
      fs.rmSync(join(root, 'c'), { recursive: true });
      fs.rmSync(join(root, 'd'));
      fs.symlinkSync('/', join(root, 'd'));
      fs.rmSync(join(root, 'e'));
      spawnSync('mkfifo', [join(root, 'e')]);
    });
    assert.deepEqual(lines, ['directory', 'file a', 'file f']);
    assert.deepEqual(warnings, [
      'b: left out: it vanished while the directory was being read',
      'c: left out: it vanished while the directory was being read',
      'd: left out: it was replaced by something of another kind while it was being read',
      'e: left out: it was replaced by something of another kind while it was being read',
    ]);
  });

  it('cuts files that grow and fills up files that shrink', async (t) => {
    const root = make(t, 'grows', 'shrinks', 'stays');
    const size = 5_000_000;
    for (const name of ['grows', 'shrinks']) fs.writeFileSync(join(root, name), Buffer.alloc(size, name));
    const names = ['grows', 'shrinks'];
    const { content, warnings, lines } = await run(root, {}, (bytes) => {
      const name = names.find((n) => Buffer.from(bytes).includes(`${n}\0`));
      if (name === 'grows') fs.appendFileSync(join(root, name), 'more');
      if (name === 'shrinks') fs.truncateSync(join(root, name), 1_000_000);
    });
    assert.deepEqual(warnings, [
      `grows: grew while it was read: cut at ${size} bytes`,
      `shrinks: shrank while it was read: filled up with zeros to ${size} bytes`,
    ]);
    assert.equal(lines.length, 4);
    assert.ok(content.get('grows')!.equals(Buffer.alloc(size, 'grows')));
    const expected = Buffer.alloc(size);
    Buffer.alloc(size, 'shrinks').copy(expected, 0, 0, 1_000_000);
    assert.ok(content.get('shrinks')!.equals(expected));
  });

  it('does not change access times', async (t) => {
    const root = make(t, 'file', 'dir/');
    const old = new Date(1_000_000_000_000);
    for (const name of ['file', 'dir']) fs.utimesSync(join(root, name), old, new Date());
    await run(root);
    assert.equal(fs.statSync(join(root, 'file')).atimeMs, old.getTime());
    assert.equal(fs.statSync(join(root, 'dir')).atimeMs, old.getTime());
  });

  it('leaves out what may not be read, with a warning', (t) => {
    const root = make(t, 'a', 'secret', 'closed/x', 'listable/x', 'z');
    fs.chmodSync(join(root, 'secret'), 0);
    fs.chmodSync(join(root, 'closed'), 0);
    fs.chmodSync(join(root, 'listable'), 0o744);
    if (!isRoot) fs.chmodSync(join(root, 'listable'), 0o444);
    fs.chmodSync(root, 0o755);
    const script = `
      const { archiveTree } = await import(${JSON.stringify(new URL('./walk.ts', import.meta.url).href)});
      const { MemorySink } = await import(${JSON.stringify(new URL('../base/io.ts', import.meta.url).href)});
      const warnings = [];
      const onWarning = (path, text) => warnings.push(Buffer.from(path) + ': ' + text);
      const { files, directories } = await archiveTree(${JSON.stringify(root)}, { archive: new MemorySink(), onWarning });
      console.log(JSON.stringify({ files, directories, warnings }));`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      ...(isRoot ? { uid: 65534, gid: 65534 } : undefined),
    });
    assert.equal(child.stderr, '');
    assert.deepEqual(JSON.parse(child.stdout), {
      files: 2,
      directories: 1,
      warnings: [
        'closed: left out: permission denied',
        // Not even the absence of an exclude file can be seen.
        "listable/.pxarexclude: exclude patterns not used: EACCES: permission denied, open '.pxarexclude'",
        'listable/x: left out: permission denied',
        'secret: left out: permission denied',
      ],
    });
  });

  it('refuses too many entries, virtual file systems and what is no directory', async (t) => {
    const root = make(t, 'a/1', 'a/2', 'a/3', 'b');
    await run(root, { entriesMax: 5 });
    await assert.rejects(run(root, { entriesMax: 4 }), /more than 4 entries in "\/a\/" and the directories above it/);
    await assert.rejects(run('/proc'), /'\/proc' lies on a virtual file system/);
    await assert.rejects(run(join(root, 'b')), { code: 'ENOTDIR' });
    await assert.rejects(run(join(root, 'absent')), { code: 'ENOENT' });
  });

  it('leaves out the kinds that are not wanted', async (t) => {
    const root = make(t, 'a');
    spawnSync('mkfifo', [join(root, 'fifo')]);
    assert.deepEqual((await run(root, { fifos: false })).lines, ['directory', 'file a']);
    assert.deepEqual((await run(root)).lines, ['directory', 'file a', 'fifo fifo']);
  });

  it('does not enter other file systems unless told so', (t) => {
    const root = make(t, 'mounted/hidden', 'proc/', 'z');
    const script = `
      const { archiveTree, devicesOf } = await import(${JSON.stringify(new URL('./walk.ts', import.meta.url).href)});
      const { MemorySink } = await import(${JSON.stringify(new URL('../base/io.ts', import.meta.url).href)});
      const root = ${JSON.stringify(root)};
      for (const includeDevices of [undefined, 'all', devicesOf([root + '/mounted'])]) {
        const { files, directories } = await archiveTree(root, { archive: new MemorySink(), includeDevices });
        console.log(files, directories);
      }`;
    const mount = `mount -t tmpfs none '${root}/mounted' && echo x > '${root}/mounted/file' && mount -t proc proc '${root}/proc'`;
    const child = spawnSync(
      'unshare',
      ['-m', 'sh', '-ec', `${mount}; exec "$0" --input-type=module -e "$1"`, process.execPath, script],
      {
        encoding: 'utf8',
      },
    );
    // Without the right to mount, the shell ends before the archiver starts.
    if (child.status === 0) assert.equal(child.stdout, '1 2\n2 2\n2 2\n');
    else assert.equal(child.stdout ?? '', '');
    assert.deepEqual(devicesOf([root]), new Set([fs.statSync(root).dev]));
  });

  it('gives the event loop its turn, reports progress and can be cancelled', async (t) => {
    const root = make(t, ...Array.from({ length: 400 }, (_, i) => `d${i % 7}/f${i}`));
    fs.writeFileSync(join(root, 'large'), Buffer.alloc(200_000_000));
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const paths: string[] = [];
    await archiveTree(root, {
      archive: new NullSink(),
      onProgress: (path, { files }) => paths.push(`${Buffer.from(path)} ${files}`),
    });
    clearInterval(timer);
    assert.ok(turns >= 2, `${turns} turns`);
    assert.equal(paths.at(-1), 'large 401');
    assert.ok(paths.length >= 3);

    const before = fs.readdirSync('/proc/self/fd').length;
    const abort = new AbortController();
    const onProgress = () => abort.abort(new Error('enough'));
    await assert.rejects(archiveTree(root, { archive: new NullSink(), signal: abort.signal, onProgress }), {
      code: 'aborted',
      message: /enough/,
    });
    assert.equal(fs.readdirSync('/proc/self/fd').length, before);
  });

  it('passes errors of the sink on and closes everything', async (t) => {
    const root = make(t, 'a', 'b/c/d', 'e');
    const before = fs.readdirSync('/proc/self/fd').length;
    for (let failing = 0; failing < 9; failing++) {
      let writes = 0;
      const fail = () => {
        if (writes++ === failing) throw new Error('disk on fire');
      };
      await assert.rejects(run(root, {}, fail), /disk on fire/);
    }
    assert.equal(fs.readdirSync('/proc/self/fd').length, before);
  });
});

class NullSink implements ByteSink {
  position = 0;
  readonly #room = new Uint8Array(4 * 1024 * 1024);

  write(bytes: Uint8Array): void {
    this.position += bytes.byteLength;
  }

  reserve(max: number): Uint8Array {
    return this.#room.subarray(0, Math.min(max, this.#room.byteLength));
  }

  commit(length: number): void {
    this.position += length;
  }
}
