// The files of snapshots, plain and encrypted, in a real browser: what it gives is what was backed up.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import type { Locator, Page } from 'playwright-core';
import { extract } from 'tar-stream';
import { chromiumPath, WebBrowser } from '../support/browser.ts';
import { unpackFixture } from '../support/fixture.ts';
import { goldenPath, productFile } from '../support/golden.ts';
import { TestServer } from '../support/server.ts';

const newer = 1700086400;
const older = 1700000000;
/** One dot, red. */
const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==',
  'base64',
);

interface ListedFile {
  path: string | null;
  type: string;
  sha256?: string;
}
const listed: ListedFile[] = productFile('expected/tree-T2.jsonl')
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as ListedFile);
const expectedOf = (...below: string[]): [string, string][] =>
  listed
    .filter(({ path: at, type }) => type === 'file' && below.some((one) => at === one || at?.startsWith(`${one}/`)))
    .map((file): [string, string] => [file.path!, file.sha256!])
    .sort();
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function filesOfTar(bytes: Uint8Array): Promise<[string, string][]> {
  const files: [string, string][] = [];
  const unpack = extract();
  unpack.end(bytes);
  for await (const entry of unpack) {
    const hash = createHash('sha256');
    for await (const piece of entry) hash.update(piece as Uint8Array);
    if (entry.header.type === 'file') files.push([entry.header.name, hash.digest('hex')]);
  }
  return files.sort();
}

const address = (type: string, id: string, time: number, more = ''): string =>
  `/datastore/fixture/files?type=${type}&id=${id}&time=${time}${more}`;

/** The row of the tree with that name. */
const rowOf = (page: Page, name: string): Locator =>
  page
    .getByRole('treegrid', { name: 'Files' })
    .getByRole('row')
    .filter({ has: page.getByText(name, { exact: true }) });

/** Presses a button and gives what the browser keeps. */
async function saved(page: Page, button: string): Promise<{ name: string; bytes: Buffer }> {
  const coming = page.waitForEvent('download');
  await page.getByRole('button', { name: button, exact: true }).click();
  const download = await coming;
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

if (chromiumPath !== undefined) {
  let server: TestServer;
  let browser: WebBrowser;
  before(async () => {
    server = await TestServer.start();
    const added = await server.manager('datastore', 'create', 'fixture', unpackFixture(), '--reuse-datastore', 'true');
    assert.equal(added.code, 0, added.err);
    const tree = server.path('tree');
    mkdirSync(path.join(tree, 'pictures'), { recursive: true });
    writeFileSync(path.join(tree, 'pictures', 'dot.png'), picture);
    writeFileSync(
      path.join(tree, 'pictures', 'evil.svg'),
      '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    );
    writeFileSync(path.join(tree, 'page.html'), '<script>document.title = "run"</script>');
    writeFileSync(path.join(tree, "it's 100% [odd] *.txt"), 'odd name');
    const words = ['backup', `root.pxar:${tree}`, '--backup-id', 'web', '--change-detection-mode', 'data'];
    const made = await server.client('fixture', [...words, '--backup-time', String(newer)]);
    assert.equal(made.code, 0, made.err);
    browser = await WebBrowser.start(server.port);
  });
  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test('a plain snapshot: tree, details, preview, single files and selections', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn(
      'admin@pbs',
      'admin-password',
      address('host', 'plain-host', newer, '&path=root.pxar.didx/etc/passwd'),
    );
    await page.getByRole('row', { name: /passwd/ }).waitFor();
    await page.getByText('-rw-------').waitFor();
    const preview = page.getByRole('textbox', { name: 'Preview' });
    await preview.waitFor();
    assert.match(await preview.inputValue(), /^root:/);
    await window.check('files-plain');
    const { name, bytes } = await saved(page, 'Download');
    assert.deepEqual([name, sha256(bytes)], ['passwd', expectedOf('etc/passwd')[0]![1]]);

    const grid = page.getByRole('treegrid', { name: 'Files' });
    await rowOf(page, 'home').click();
    await grid
      .getByRole('row', { name: /hard-b/ })
      .getByRole('checkbox')
      .check();
    await rowOf(page, 'etc').getByRole('checkbox').check();
    await page.getByText('2 selected').waitFor();
    const bar = page.locator('form + div');
    const coming = page.waitForEvent('download');
    await bar.getByRole('button', { name: 'Download as tar.zst' }).click();
    const packed = await coming;
    assert.equal(packed.suggestedFilename(), 'host-plain-host.tar.zst');
    const files = await filesOfTar(zstdDecompressSync(readFileSync(await packed.path())));
    assert.deepEqual(files, expectedOf('etc', 'home/hard-b'));
    await page.getByText('done').first().waitFor();
    await window.check('files-downloads');
  });

  test('a picture is shown, scripts in files never run, names are quoted in the command to restore', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn(
      'admin@pbs',
      'admin-password',
      address('host', 'web', newer, '&path=root.mpxar.didx/pictures/dot.png'),
    );
    const image = page.getByRole('img', { name: 'Picture dot.png' });
    await image.waitFor();
    assert.match((await image.getAttribute('src'))!, /^blob:/);
    const decoded = 'document.querySelector("img").decode().then(() => document.querySelector("img").naturalWidth)';
    assert.equal(await page.evaluate<number>(decoded), 1);
    const grid = page.getByRole('treegrid', { name: 'Files' });
    await grid.getByRole('row', { name: /evil.svg/ }).click();
    await page.getByRole('textbox', { name: 'Preview' }).waitFor();
    assert.equal(await page.getByRole('img', { name: 'Picture evil.svg' }).count(), 0);
    await grid.getByRole('row', { name: /page.html/ }).click();
    await page.getByRole('heading', { name: 'page.html' }).waitFor();
    const preview = page.getByRole('textbox', { name: 'Preview' });
    await preview.waitFor();
    assert.match(await preview.inputValue(), /^<script>/);
    assert.match(await page.title(), /Granary/);
    await window.check('files-split');

    await grid.getByRole('row', { name: /odd/ }).click();
    await page.getByRole('heading', { name: /odd/ }).waitFor();
    await page.getByRole('button', { name: 'Restore …' }).last().click();
    const dialog = page.getByRole('dialog');
    const target = server.path('restored folder');
    await dialog.getByLabel('Folder to restore into').fill(target);
    await window.check('files-restore');
    const command = (await dialog.getByLabel('Command', { exact: true }).textContent())!;
    const [repository, print, last] = command.split('\n');
    assert.equal(repository, `export PBS_REPOSITORY=admin@pbs@localhost:${server.port}:fixture`);
    assert.equal(print, `export PBS_FINGERPRINT=${server.fingerprint}`);
    const words = wordsOf(last!);
    assert.equal(words.shift(), 'proxmox-backup-client');
    const ran = await server.client('fixture', words);
    assert.equal(ran.code, 0, ran.err);
    assert.equal(readFileSync(path.join(target, "it's 100% [odd] *.txt"), 'utf8'), 'odd name');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });

  test('a guest is restored by the command of its host', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', address('vm', '100', older));
    await page.getByRole('row', { name: /drive-scsi0.img/ }).click();
    await page.route(/download-decoded/, () => {}, { times: 1 });
    await page.getByRole('button', { name: 'Download', exact: true }).click();
    await page.getByRole('button', { name: 'Cancel drive-scsi0.img' }).click();
    await page.getByText('cancelled').waitFor();
    const { name, bytes } = await saved(page, 'Download');
    const sums = productFile('expected/sha256sums.txt').toString();
    assert.deepEqual([name, sha256(bytes)], ['drive-scsi0.img', /^([0-9a-f]{64}) .*disk\.img$/m.exec(sums)![1]]);
    await page.getByRole('button', { name: 'Restore …' }).first().click();
    await page.getByLabel('Where the command is run').click();
    await page.getByRole('option', { name: /virtualisation host/ }).click();
    await page.getByLabel('Storage for its disks').fill('local-lvm');
    const command = await page.getByLabel('Command', { exact: true }).textContent();
    assert.equal(command, 'qmrestore fixture:backup/vm/100/2023-11-14T22:13:20Z 100 --storage local-lvm');
    await window.check('files-restore-guest');
  });

  test('a name is searched for in a snapshot and in the group, where each version can be had', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', address('host', 'plain-host', newer));
    await page.getByLabel('Find by name').fill('file-00?');
    await page.keyboard.press('Enter');
    await page.getByText('9 found for').waitFor();
    await window.check('files-found');
    await page.getByLabel('Find by name').fill('hostname');
    await page.getByRole('button', { name: 'In all snapshots of the group' }).click();
    await page.getByText('2 snapshots searched.').waitFor();
    await page.getByRole('row', { name: /root\.pxar\.didx\/etc\/hostname/ }).waitFor();
    await window.check('files-versions');
    const versions = page.getByRole('button', { name: /^Download hostname / });
    const coming = page.waitForEvent('download');
    await versions.first().click();
    const bytes = readFileSync(await (await coming).path());
    assert.equal(sha256(bytes), expectedOf('etc/hostname')[0]![1]);
    await page.getByRole('button', { name: /^Restore hostname / }).click();
    const command = page.getByRole('dialog').getByLabel('Command', { exact: true });
    assert.match((await command.textContent())!, /T22:13:20Z root\.pxar \/tmp\/restored --pattern \/etc\/hostname$/);
    await page.keyboard.press('Escape');
    await page.goto(address('host', 'enc-host', newer, '&find=x&scope=all'));
    await page.getByText('This snapshot is encrypted').waitFor();
  });

  test('an encrypted snapshot opens with its key, which never leaves the browser', async () => {
    await using window = await browser.open();
    const { page } = window;
    const sent: string[] = [];
    page.on('request', (request) => sent.push(`${request.url()} ${request.postData() ?? ''}`));
    await window.logIn('admin@pbs', 'admin-password', address('host', 'enc-host', newer));
    await page.getByText('eb:ba:5e:62:aa:d3:9e:de').waitFor();
    await window.check('files-encrypted');
    await page.getByLabel('Choose a key file').setInputFiles(goldenPath('pbs-3.2.4/keys/enc-pbkdf2.key'));
    await page.getByLabel('Passphrase').fill('pbkdf2-passphrase-456');
    await page.getByRole('button', { name: 'Use this key' }).click();
    await page.getByRole('alert').getByText('wrong key: the snapshot was made with eb:ba:5e').waitFor();
    await window.check('files-wrong-key');
    const key = productFile('keys/enc-none.key').toString();
    await page.getByLabel('Or paste its text').fill(key);
    await page.getByRole('button', { name: 'Use this key' }).click();
    const grid = page.getByRole('treegrid', { name: 'Files' });
    await grid.getByRole('row', { name: /root\.pxar/ }).click();
    await rowOf(page, 'etc').click();
    await grid.getByRole('row', { name: /passwd/ }).click();
    const preview = page.getByRole('textbox', { name: 'Preview' });
    await preview.waitFor();
    assert.match(await preview.inputValue(), /^root:/);
    await window.check('files-decrypted');
    const { bytes } = await saved(page, 'Download');
    assert.equal(sha256(bytes), expectedOf('etc/passwd')[0]![1]);

    await rowOf(page, 'root.pxar').getByRole('checkbox').check();
    await page.getByText('1 selected').waitFor();
    const coming = page.waitForEvent('download');
    await page.locator('form + div').getByRole('button', { name: 'Download as tar' }).click();
    const files = new Map(await filesOfTar(readFileSync(await (await coming).path())));
    const expected = listed.filter(({ path: at, type }) => type === 'file' && at !== null);
    for (const { path: at, sha256: sum } of expected) assert.equal(files.get(at!), sum, at!);
    await page.getByLabel('Find by name').fill('passwd');
    await page.keyboard.press('Enter');
    await page.getByText('1 found for').waitFor();
    const secret = (JSON.parse(key) as { data: string }).data;
    const inHex = Buffer.from(secret, 'base64').toString('hex');
    for (const one of sent) assert.ok(!one.includes(secret) && !one.includes(inHex), one);
  });

  test('a name is searched for in encrypted snapshots of a group too, where their key is open', async () => {
    const key = goldenPath('pbs-3.2.4/keys/enc-none.key');
    const other = ['--keyfile', goldenPath('pbs-3.2.4/keys/enc-pbkdf2.key')];
    for (const [time, words] of [
      [newer, []],
      [newer + 1, other],
      [newer + 2, ['--keyfile', key]],
    ] as const) {
      const archive = `root.pxar:${server.path('tree')}`;
      const backup = ['backup', archive, '--backup-id', 'mixed', '--backup-time', String(time), ...words];
      const made = await server.client('fixture', backup, {
        env: { PBS_ENCRYPTION_PASSWORD: 'pbkdf2-passphrase-456' },
      });
      assert.equal(made.code, 0, made.err);
    }
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', address('host', 'mixed', newer + 2, '&find=page.&scope=all'));
    await page.getByLabel('Choose a key file').setInputFiles(key);
    await page.getByRole('button', { name: 'Use this key' }).click();
    await page.getByText('2 snapshots searched.').waitFor();
    await page.getByText('1 encrypted snapshot was left out: its key is not open in this browser.').waitFor();
    const version = page.getByRole('row', { name: /in 2 snapshots/ });
    await version.waitFor();
    await window.check('files-sealed-versions');
    const coming = page.waitForEvent('download');
    await version.getByRole('button', { name: /^Download page\.html / }).click();
    assert.match(readFileSync(await (await coming).path(), 'utf8'), /^<script>/);
    await version.getByRole('button', { name: /^Restore page\.html / }).click();
    await page.getByRole('dialog').getByLabel('Key file on that machine').waitFor();
    await page.keyboard.press('Escape');
  });

  test('on a phone, in the dark, in German', async () => {
    await using window = await browser.open({ width: 390, height: 780, colours: 'dark', language: 'de' });
    const { page } = window;
    await page.goto(address('host', 'plain-host', newer, '&path=root.pxar.didx/etc/hostname'));
    await page.getByLabel('Benutzername').fill('admin@pbs');
    await page.getByLabel('Passwort').fill('admin-password');
    await page.getByRole('button', { name: 'Anmelden' }).click();
    await page.getByRole('textbox', { name: 'Vorschau' }).waitFor();
    await window.check('files-phone-dark');
    await page.getByRole('textbox', { name: 'Vorschau' }).scrollIntoViewIfNeeded();
    await window.check('files-phone-dark-preview');
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    assert.ok(width <= 390, `${width} pixels wide`);
  });
}

/** The words that a POSIX shell makes of a line: bare ones, and those in single quotes. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/(?:'[^']*'|\\'|[^\s'\\])+/g)].map(([word]) =>
    word.replace(
      /'([^']*)'|\\(')/g,
      (_, quoted: string | undefined, escaped: string | undefined) => quoted ?? escaped!,
    ),
  );
}
