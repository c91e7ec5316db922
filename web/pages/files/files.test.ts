import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { extract, type Header } from 'tar-stream';
import { ancestorsOf, idOf, modeText, pathOf, plainName, topEntries } from './entry.ts';
import { clientCommand, guestCommand, patternOf, shellWord } from './restore-command.ts';
import { type TarEntry, tarStream } from './tar.ts';

const facts = { type: 'host', id: 'web', time: 1700000000 };

test('every word comes out of the shell as it was', () => {
  const words = [
    '',
    '/plain/word-1.txt',
    "it's",
    '$HOME `id` "x" \\ !',
    'two\nlines',
    '\t\u0007\u202e\u2028',
    "tab\t'quote'\\",
    'ä € 𝄞',
    '-n',
    '~root',
    '*?[a]{b,c}',
  ];
  words.push(...Array.from({ length: 255 }, (_, code) => `a${String.fromCharCode(code + 1)}b`));
  words.push(...fc.sample(fc.string({ unit: 'grapheme-ascii' }), 50));
  const line = words.map(shellWord).join(' ');
  assert.doesNotMatch(line, /[\n\u202e\u2028]/u);
  const out = execFileSync('bash', ['-c', `printf '%s\\0' ${line}`]).toString();
  assert.deepEqual(out.split('\0').slice(0, -1), words);
});

test('commands name snapshot, namespace, patterns and key', () => {
  const path1 = idOf('root.pxar.didx/etc/[a]*?\\b');
  assert.equal(patternOf(path1), '/etc/\\[a\\]\\*\\?\\\\b');
  const command = clientCommand({
    ...facts,
    repository: 'me@pbs@[::1]:8007:store1',
    ns: 'a/b',
    archive: 'root.mpxar.didx',
    paths: [path1],
    target: '/tmp/x y',
    keyfile: '/k',
    fingerprint: 'aa:bb',
  });
  assert.equal(
    command,
    [
      "export PBS_REPOSITORY='me@pbs@[::1]:8007:store1'",
      'export PBS_FINGERPRINT=aa:bb',
      'proxmox-backup-client restore host/web/2023-11-14T22:13:20Z root.pxar ' +
        "'/tmp/x y' --ns a/b --pattern '/etc/\\[a\\]\\*\\?\\\\b' --keyfile /k",
    ].join('\n'),
  );
  const where = { storage: 'pbs', guest: '200', target: '' };
  assert.equal(guestCommand(facts, where), undefined);
  assert.equal(
    guestCommand({ ...facts, type: 'ct', id: '200' }, where),
    'pct restore 200 pbs:backup/ct/200/2023-11-14T22:13:20Z',
  );
});

test('paths, names and modes', () => {
  const id = idOf('root.pxar.didx/etc/ssl');
  assert.equal(pathOf(id), 'root.pxar.didx/etc/ssl');
  assert.deepEqual(ancestorsOf(id).map(pathOf), ['root.pxar.didx', 'root.pxar.didx/etc']);
  assert.deepEqual(['root.mpxar.didx', 'disk.img.fidx', 'a.conf.blob'].map(plainName), [
    'root.pxar',
    'disk.img',
    'a.conf',
  ]);
  const names = ['index.json.blob', 'catalog.pcat1.didx', 'root.mpxar.didx', 'root.ppxar.didx', 'a.conf.blob'];
  assert.deepEqual(
    topEntries(names.map((filename) => ({ filename, size: 1 }))).map(({ name, type }) => [name, type]),
    [
      ['root.mpxar.didx', 'v'],
      ['a.conf.blob', 'o'],
    ],
  );
  assert.deepEqual([0o100644, 0o104755, 0o102644, 0o041777, 0o120777, 0o020600].map(modeText), [
    '-rw-r--r--',
    '-rwsr-xr-x',
    '-rw-r-Sr--',
    'drwxrwxrwt',
    'lrwxrwxrwx',
    'crw-------',
  ]);
});

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const common = { mode: 0o640, uid: 1000, gid: 1000, mtime: 1700000000 };
const file = (name: Uint8Array, content: string, more: Partial<typeof common> = {}): TarEntry => ({
  ...common,
  ...more,
  kind: 'file',
  path: name,
  size: bytesOf(content).byteLength,
  async *content() {
    yield bytesOf(content);
  },
});

async function packed(...entries: TarEntry[]): Promise<Buffer> {
  const source = (async function* () {
    yield* entries;
  })();
  const parts: Uint8Array[] = [];
  for await (const part of tarStream(source)) parts.push(part);
  return Buffer.concat(parts);
}

test('tar holds long names, odd bytes, large numbers, links and devices, as tar itself reads it', async () => {
  const long = `deep/${'ä'.repeat(120)}/${'n'.repeat(200)}`;
  const archive = await packed(
    { ...common, mode: 0o755, kind: 'directory', path: bytesOf('deep') },
    file(bytesOf(long), 'long'),
    file(bytesOf('exact'), 'x'.repeat(512)),
    file(bytesOf('empty'), ''),
    file(bytesOf('old'), 'old', { mtime: -5, uid: 2 ** 31, gid: 2 ** 32 - 2 }),
    { ...common, kind: 'symlink', path: bytesOf('link'), target: bytesOf('t'.repeat(150)) },
    { ...common, kind: 'character', path: bytesOf('null'), major: 1, minor: 3 },
    { ...common, kind: 'fifo', path: bytesOf('pipe') },
    file(Uint8Array.of(0x6e, 0xff, 0x6d), 'no UTF-8'),
  );
  assert.equal(archive.byteLength % 512, 0);
  const headers: Header[] = [];
  const unpack = extract();
  unpack.end(archive);
  for await (const entry of unpack) {
    headers.push(entry.header);
    entry.resume();
  }
  const byName = new Map(headers.map((header) => [header.name, header]));
  assert.equal(byName.get(long)?.size, 4);
  assert.deepEqual([byName.get('null')?.type, byName.get('null')?.devminor], ['character-device', 3]);
  const folder = mkdtempSync(path.join(tmpdir(), 'granary-tar-'));
  try {
    const options = ['-x', '--no-same-owner', '--exclude=null', '--exclude=pipe', '-f', '-', '-C', folder];
    execFileSync('tar', options, { input: archive });
    assert.equal(readFileSync(path.join(folder, long), 'utf8'), 'long');
    assert.equal(statSync(path.join(folder, 'old')).mtimeMs, -5000);
    assert.equal(readlinkSync(path.join(folder, 'link')).length, 150);
    const list = execFileSync('tar', ['-t', '-v', '--numeric-owner', '-f', '-'], { input: archive }).toString();
    assert.match(list, /2147483648\/4294967294 .* old\n/);
    assert.match(list, /n\\377m\n/);
  } finally {
    rmSync(folder, { recursive: true });
  }
  const short: TarEntry = { ...common, kind: 'file', path: bytesOf('f'), size: 3, content: async function* () {} };
  await assert.rejects(packed(short), /f: 0 of 3 bytes/);
});
