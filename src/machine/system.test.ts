// Time zone, services and log of the machine, with recorded and damaged output of its programs.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { controlService, listServices, parseShow, readService } from './services.ts';
import { journalLines, readJournal, readSyslog } from './system-log.ts';
import { FakeMachine } from './testing/fake-machine.ts';
import { followTimeZone, readTimeZone, setTimeZone, zoneOffset } from './time-zone.ts';

const systemd = { '/run/systemd/system/x': '' };

test('the time zone is read from the link, else from the name, and set in both', async () => {
  const zones = { '/usr/share/zoneinfo/Europe/Vienna': 'TZif', '/usr/share/zoneinfo/Etc/UTC': 'TZif' };
  using machine = new FakeMachine({ ...zones, '/etc/timezone': 'Etc/UTC\n' });
  assert.equal(await readTimeZone(machine), 'Etc/UTC');
  symlinkSync('/usr/share/zoneinfo/Etc/UTC', join(machine.folder, 'etc/localtime'));
  await setTimeZone(machine, 'Europe/Vienna');
  assert.equal(await readTimeZone(machine), 'Europe/Vienna');
  assert.equal(readlinkSync(join(machine.folder, 'etc/localtime')), '/usr/share/zoneinfo/Europe/Vienna');
  assert.equal(readFileSync(join(machine.folder, 'etc/timezone'), 'utf8'), 'Europe/Vienna\n');
  for (const bad of ['Europe', 'Mars/Olympus', '../etc/passwd', 'Europe/../Etc/UTC', '']) {
    await assert.rejects(setTimeZone(machine, bad), { message: `no such time zone '${bad}'` });
  }
  assert.equal(await readTimeZone(machine), 'Europe/Vienna');
  using bare = new FakeMachine();
  await assert.rejects(setTimeZone(bare, 'Europe/Vienna'), /knows no time zones/);
  using run = new FakeMachine({ ...zones, ...systemd }, { timedatectl: () => '' });
  const noticed = Promise.withResolvers<void>();
  const stop = followTimeZone(machine, noticed.resolve);
  const late = setTimeout(() => noticed.reject(new Error('the change was not noticed')), 10_000);
  await setTimeZone(machine, 'Etc/UTC');
  await noticed.promise.finally(() => clearTimeout(late));
  stop();
  await setTimeZone(run, 'Europe/Vienna');
  assert.deepEqual(run.calls, ['timedatectl --no-ask-password set-timezone Europe/Vienna']);
});

test('the offset of a zone follows its summer time', () => {
  const [january, july] = [1_767_268_800, 1_782_907_200];
  assert.deepEqual([zoneOffset('Europe/Vienna', january), zoneOffset('Europe/Vienna', july)], [3600, 7200]);
  assert.equal(zoneOffset('Etc/UTC', july), 0);
  assert.equal(zoneOffset('America/St_Johns', january), -12_600);
  assert.equal(typeof zoneOffset('No/Such', july), 'number');
});

const shown = `Id=cron.service
Description=Regular background program processing daemon
LoadState=loaded
SubState=running
UnitFileState=enabled

Id=postfix.service
Description=postfix.service
LoadState=not-found
SubState=dead
UnitFileState=

Id=syslog.service
Description=System = Logging
LoadState=loaded
SubState=dead
UnitFileState=
`;

test('services are those that systemd has loaded; damaged output gives fewer, never nonsense', async () => {
  assert.deepEqual(parseShow(shown, ['cron', 'postfix', 'rsyslog']), [
    {
      service: 'cron',
      name: 'cron',
      desc: 'Regular background program processing daemon',
      state: 'running',
      'unit-state': 'enabled',
    },
    { service: 'rsyslog', name: 'syslog', desc: 'System = Logging', state: 'dead', 'unit-state': 'unknown' },
  ]);
  for (let length = 0; length < shown.length; length += 7) {
    for (const service of parseShow(shown.slice(0, length), ['cron', 'postfix', 'rsyslog'])) {
      assert.ok(Object.values(service).every((value) => typeof value === 'string'));
    }
  }
  using machine = new FakeMachine(systemd, { systemctl: () => shown });
  assert.deepEqual((await readService(machine, 'cron')).state, 'running');
  await assert.rejects(readService(machine, 'nosuch'), { message: "no such service 'nosuch'" });
});

test('services are controlled through systemctl; the own ones are not stopped', async () => {
  using machine = new FakeMachine(systemd, {
    systemctl: (args) => (args.includes('ssh.service') ? { code: 1, stdout: '', stderr: 'Unit is masked.\n' } : ''),
  });
  await controlService(machine, 'cron', 'restart');
  await controlService(machine, 'proxmox-backup-proxy', 'reload');
  assert.deepEqual(machine.calls, [
    'systemctl --no-ask-password restart cron.service',
    'systemctl --no-ask-password --no-block reload proxmox-backup-proxy.service',
  ]);
  await assert.rejects(controlService(machine, 'ssh', 'start'), { message: 'systemctl failed: Unit is masked.' });
  await assert.rejects(controlService(machine, 'proxmox-backup', 'stop'), /is not stopped from here/);
});

test('without systemd states are unknown, and nothing is started', async () => {
  using machine = new FakeMachine({}, { systemctl: () => shown });
  const services = await listServices(machine);
  assert.deepEqual(
    services.map(({ service, state }) => [service, state]),
    [
      ['proxmox-backup', 'unknown'],
      ['proxmox-backup-proxy', 'unknown'],
    ],
  );
  await assert.rejects(controlService(machine, 'cron', 'start'), {
    message: "cannot start service 'cron': this machine is not run by systemd",
  });
  assert.deepEqual(machine.calls, []);
});

const entry = (n: number, fields: object) =>
  JSON.stringify({ __CURSOR: `s=1;i=${n}`, __REALTIME_TIMESTAMP: '1795401631000000', _HOSTNAME: 'pbs', ...fields });

test('the journal is lines between cursors, whatever the form of its fields', async () => {
  const output = [
    entry(1, { SYSLOG_IDENTIFIER: 'sshd', _PID: '7', MESSAGE: 'Accepted' }),
    entry(2, { _COMM: 'kernel', MESSAGE: [104, 105] }),
    'damaged {',
    entry(3, { SYSLOG_IDENTIFIER: ['cron', 'other'], MESSAGE: null }),
  ].join('\n');
  const lines = journalLines(output);
  assert.equal(lines[0], 's=1;i=1');
  assert.equal(lines.at(-1), 's=1;i=3');
  assert.deepEqual(
    lines.slice(1, -1).map((line) => line.slice(16)),
    ['pbs sshd[7]: Accepted', 'pbs kernel: hi', 'pbs cron: '],
  );
  assert.equal(journalLines(output, 's=1;i=2').at(-1), 's=1;i=2');
  assert.deepEqual(journalLines(''), ['', '']);
  using machine = new FakeMachine({ ...systemd, '/var/log/journal/x': '' }, { journalctl: () => output });
  assert.equal((await readJournal(machine, { since: 5, lastentries: 9 })).length, 5);
  await readJournal(machine, { startcursor: 's=1;i=1' });
  await readSyslog(machine, { service: 'cron', since: 'yesterday' });
  assert.deepEqual(machine.calls, [
    'journalctl --quiet --no-pager --output=json --since=@5 --lines=9',
    'journalctl --quiet --no-pager --output=json --cursor=s=1;i=1',
    'journalctl --quiet --no-pager --output=short --since=yesterday --unit=cron',
  ]);
});

test('without a journal the log file is read, page by page, from cursor to cursor', async () => {
  using machine = new FakeMachine({ '/var/log/syslog': 'one cron[1]: a\ntwo sshd: b\nthree cron: c\n' });
  assert.deepEqual(await readSyslog(machine, { start: 2, limit: 1 }), {
    lines: [{ n: 2, t: 'two sshd: b' }],
    total: 3,
  });
  assert.equal((await readSyslog(machine, { service: 'cron' })).total, 2);
  assert.deepEqual(await readSyslog(machine, { start: 9 }), { lines: [], total: 3 });
  const last = await readJournal(machine, { lastentries: 1 });
  assert.deepEqual(last, ['offset=27', 'three cron: c', 'offset=41']);
  machine.write('/var/log/syslog', 'one cron[1]: a\ntwo sshd: b\nthree cron: c\nfour\n');
  assert.deepEqual(await readJournal(machine, { startcursor: 'offset=41' }), ['offset=41', 'four', 'offset=46']);
  assert.deepEqual(await readJournal(machine, { startcursor: 'offset=15', endcursor: 'offset=27' }), [
    'offset=15',
    'two sshd: b',
    'offset=27',
  ]);
  await assert.rejects(readJournal(machine, { startcursor: 's=1' }), /'s=1' is no cursor/);
  await assert.rejects(readSyslog(machine, { since: 'today' }), /need the journal/);
  using bare = new FakeMachine();
  mkdirSync(join(bare.folder, 'var/log'), { recursive: true });
  await assert.rejects(readJournal(bare, {}), /keeps neither a journal nor a log file/);
});
