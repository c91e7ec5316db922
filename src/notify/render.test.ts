import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { formatLocal } from '../base/clock.ts';
import { createDirectories, type Directories, resolveDirectories } from '../config/directories.ts';
import { type Notification, type TemplateName, templateNames } from './notification.ts';
import { type Message, render } from './render.ts';
import { serverNames } from './server-names.ts';

const home = mkdtempSync(join(os.tmpdir(), 'granary-render-'));
let directories: Directories;
let own: string;
before(async () => {
  directories = resolveDirectories(home, '');
  await createDirectories(directories);
  own = join(directories.config, 'notification-templates', 'default');
  mkdirSync(own, { recursive: true });
});
after(() => rmSync(home, { recursive: true }));

const names = { hostname: 'pbs', fqdn: 'pbs.example.com', 'base-url': 'https://pbs.example.com:8007' };
const logged: string[] = [];
const rendered = (template: TemplateName, data: Notification['data'] = {}): Promise<Message> =>
  render(
    directories,
    names,
    { severity: 'info', timestamp: 1_700_000_000, fields: { type: 'gc' }, template, data },
    (_level, event, facts) => logged.push(`${event} ${String(facts?.['error'])}`),
  );

const job = { 'job-id': 'j1', datastore: 'ds1', upid: 'UPID:x', error: 'it <broke>' };
const sync = { ...job, remote: 'far', 'remote-datastore': 'ds2' };
const tape = { ...job, 'media-pool': 'p1', drive: 'd1' };

test('every shipped template has a subject and a body that name what happened', async () => {
  const subjects: [TemplateName, Notification['data'], string][] = [
    ['gc-ok', job, "Garbage Collect Datastore 'ds1' successful"],
    ['gc-err', job, "Garbage Collect Datastore 'ds1' failed"],
    ['verify-ok', job, "Verify Datastore 'ds1' successful"],
    ['verify-err', { ...job, 'failed-snapshot-list': ['vm/1/x'] }, "Verify Datastore 'ds1' failed"],
    ['prune-ok', job, "Pruning datastore 'ds1' successful"],
    ['prune-err', job, "Pruning datastore 'ds1' failed"],
    ['sync-ok', sync, "Sync remote 'far' datastore 'ds2' successful"],
    ['sync-err', sync, "Sync remote 'far' datastore 'ds2' failed"],
    ['sync-ok', { ...job, 'remote-datastore': 'ds2' }, "Sync local datastore 'ds2' successful"],
    ['sync-err', { ...job, 'remote-datastore': 'ds2' }, "Sync local datastore 'ds2' failed"],
    ['tape-backup-ok', tape, "Tape Backup 'j1' datastore 'ds1' successful"],
    ['tape-backup-err', { ...tape, 'job-id': undefined }, "Tape Backup datastore 'ds1' failed"],
    [
      'tape-load',
      { 'label-text': 'L1', 'device-type': 'changer', device: 'd1' },
      "Load Media 'L1' request for changer 'd1'",
    ],
    ['package-updates', { updates: { schema: { columns: [] }, data: [] } }, 'New software packages available (pbs)'],
    ['acme-err', job, 'Could not renew certificate'],
    ['certificate-expiry', { remaining: 86400 * 2 }, "Certificate Of 'pbs' Expires In 2d"],
    ['certificate-expiry', { expired: true }, "Certificate Of 'pbs' Has Expired"],
    ['certificate-expiry', { renewed: true }, "Certificate Of 'pbs' Has Been Renewed"],
    ['thresholds-exceeded', job, "Threshold Exceeded For Datastore 'ds1'"],
    ['thresholds-recovered', job, "Threshold No Longer Exceeded For Datastore 'ds1'"],
    ['test', { target: 't1' }, 'Test notification'],
    ['system-mail', { subject: 'a mail', text: 'it <says>' }, 'a mail'],
  ];
  for (const [template, data, subject] of subjects) {
    const { title, text, html } = await rendered(template, data);
    assert.equal(title, subject);
    assert.doesNotMatch(text, /\{\{|undefined|\[object/);
    // A body shows what it was given.
    if (template.endsWith('-err')) {
      assert.ok(text.includes('it <broke>'), text);
      assert.ok(html.includes('it &lt;broke&gt;'), html);
    }
    assert.match(html, /^<html><body><pre>\n/);
    assert.ok(['test', 'system-mail'].includes(template) || text.includes(`<${names['base-url']}/#`), text);
  }
  assert.deepEqual(new Set(subjects.map(([template]) => template)), new Set(templateNames));
  const files = readdirSync(new URL('./templates', import.meta.url)).sort();
  const wanted = templateNames.flatMap((name) => [`${name}-body.txt.hbs`, `${name}-subject.txt.hbs`]);
  assert.deepEqual(files, wanted.sort());
  assert.deepEqual(logged, []);
});

test('figures of a garbage collection', async () => {
  const { text } = await rendered('gc-ok', {
    ...job,
    'index-file-count': 7,
    'index-data-bytes': 10 * 2 ** 30,
    'disk-bytes': 2.5 * 2 ** 30,
    'disk-chunks': 800,
    'removed-bytes': 0,
    'removed-chunks': 0,
    'removed-bad': 1,
    'still-bad': 2,
    'pending-bytes': 5_000_000,
    'pending-chunks': 3,
    'deduplication-factor': '4.00',
  });
  for (const line of [
    'Index file count:     7',
    'Removed garbage:      0 B',
    'Pending removals:     4.768 MiB (in 3 chunks)',
    'Original data usage:  10 GiB',
    'On-disk usage:        2.5 GiB (25.00%)',
    'Deduplication factor: 4.00',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line}\n${text}`);
  }
});

test('helpers', async () => {
  const table = {
    schema: {
      columns: [
        { id: 'name', label: 'Name' },
        { id: 'size', renderer: 'human-bytes' },
      ],
    },
    data: [{ name: 'a<b', size: 2048 }, { name: 'longer' }],
  };
  writeFileSync(join(own, 'test-subject.txt.hbs'), '{{duration 90061}}\n{{relative-percentage 1 3}}');
  writeFileSync(
    join(own, 'test-body.txt.hbs'),
    '{{table table}}{{object table.data}}{{timestamp at}}{{human-bytes x}}',
  );
  writeFileSync(join(own, 'test-body.html.hbs'), '{{table table}}{{object table.data}}{{x}}');
  const { title, text, html } = await rendered('test', { table, at: 1_700_000_000, x: '<' });
  assert.equal(title, '1d 1h 1m 1s 33.33%');
  const listed = '[\n  {\n    "name": "a<b",\n    "size": 2048\n  },\n  {\n    "name": "longer"\n  }\n]';
  assert.equal(text, `Name    size\na<b     2 KiB\nlonger\n${listed}${formatLocal(1_700_000_000).replace('T', ' ')}\n`);
  const cells =
    '<tr><th>Name</th><th>size</th></tr><tr><td>a&lt;b</td><td>2 KiB</td></tr><tr><td>longer</td><td></td></tr>';
  const escaped = listed.replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  assert.equal(html, `<table>${cells}</table><pre>${escaped}</pre>&lt;`);
  assert.deepEqual(logged, []);
});

test('a template of the configuration that is broken is told of, and the shipped one is taken', async () => {
  writeFileSync(join(own, 'gc-err-subject.txt.hbs'), '{{#if}');
  writeFileSync(join(own, 'gc-err-body.txt.hbs'), '{{datastore}} {{no-such-helper 1}}');
  const { title, text } = await rendered('gc-err', job);
  assert.equal(title, "Garbage Collect Datastore 'ds1' failed");
  assert.match(text, /^Datastore: ds1\n/);
  assert.equal(logged.length, 2);
  for (const [i, part] of ['body', 'subject'].entries()) {
    assert.match(logged[i]!, new RegExp(`^notification-template-unusable .*/gc-err-${part}\\.txt\\.hbs: `));
  }
});

test('the names of the server', async () => {
  const resolv = join(home, 'resolv.conf');
  const host = os.hostname();
  writeFileSync(resolv, 'domain example.net\nsearch example.com other.example\nnameserver 127.0.0.1\n');
  const fqdn = host.includes('.') ? host : `${host}.example.com`;
  const hostname = host.split('.')[0]!;
  assert.deepEqual(await serverNames(directories, resolv), { hostname, fqdn, 'base-url': `https://${fqdn}:8007` });
  writeFileSync(join(directories.run, 'proxy.json'), '{"pid":1,"port":8123}\n');
  assert.deepEqual(await serverNames(directories, '/nonexistent'), {
    hostname,
    fqdn: host,
    'base-url': `https://${host}:8123`,
  });
});
