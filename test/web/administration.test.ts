// The machine, its log and the log of changes, in a real browser.

import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { resolveDirectories } from '../../src/config/directories.ts';
import { FakeMachine } from '../../src/machine/testing/fake-machine.ts';
import { databaseFile } from '../../src/metrics/database.ts';
import { MetricsWriter } from '../../src/metrics/metrics-writer.ts';
import { nodeSeries } from '../../src/metrics/series.ts';
import { chromiumPath, WebBrowser, type WebWindow } from '../support/browser.ts';
import { TestServer } from '../support/server.ts';

const gib = 1024 ** 3;
const mount = { mountpoints: [null], fstype: null, pttype: null, rota: false, tran: 'sata', model: null, vendor: null };
const disk = (name: string, o: object) => ({
  ...mount,
  name,
  path: `/dev/${name}`,
  type: 'disk',
  size: 960 * gib,
  ...o,
});
const blockDevices = {
  blockdevices: [
    disk('sda', {
      model: 'SSD PM893',
      vendor: 'Samsung',
      serial: 'S1234',
      pttype: 'gpt',
      children: [
        {
          ...mount,
          name: 'sda1',
          path: '/dev/sda1',
          type: 'part',
          size: gib,
          fstype: 'vfat',
          mountpoints: ['/boot/efi'],
        },
        {
          ...mount,
          name: 'sda2',
          path: '/dev/sda2',
          type: 'part',
          size: 900 * gib,
          fstype: 'ext4',
          mountpoints: ['/'],
        },
      ],
    }),
    disk('sdz', { model: 'Portable', size: 2e12 }),
    disk('sdb', {
      rota: true,
      fstype: 'zfs_member',
      vendor: 'HGST',
      model: 'Ultrastar',
      serial: 'H77',
      size: 8000 * gib,
    }),
  ],
};
const smart = (args: readonly string[]) => ({
  smart_status: { passed: args.at(-1) !== '/dev/sdb' },
  ata_smart_attributes: {
    table: [
      {
        id: 9,
        name: 'Power_On_Hours',
        value: 99,
        worst: 98,
        thresh: 0,
        flags: { string: '-O--CK' },
        raw: { string: '123' },
      },
      {
        id: 177,
        name: 'Wear_Leveling_Count',
        value: 93,
        worst: 93,
        thresh: 5,
        flags: { string: 'PO--C-' },
        raw: { string: '7' },
      },
    ],
  },
});
const poolStatus = `  pool: tank
 state: DEGRADED
status: One or more devices could not be used.
action: Replace the device.
  scan: scrub repaired 0B in 00:00:01 with 0 errors on Sun Nov  8 00:24:02 2026
config:

\tNAME           STATE     READ WRITE CKSUM
\ttank           DEGRADED     0     0     0
\t  mirror-0     DEGRADED     0     0     0
\t    /dev/sdb1  ONLINE       0     0     0
\t    /dev/sdc1  UNAVAIL      3     1     0  was /dev/sdc1

errors: No known data errors
`;
const journal: string[] = [];
const say = (who: string, message: string): void => {
  const n = journal.length + 1;
  journal.push(
    JSON.stringify({
      __CURSOR: `s=1;i=${n}`,
      __REALTIME_TIMESTAMP: String((Date.parse('2026-11-27T10:00:00Z') + n * 1000) * 1000),
      _HOSTNAME: 'backup',
      SYSLOG_IDENTIFIER: who,
      _PID: String(100 + n),
      MESSAGE: message,
    }),
  );
};
/** As journalctl does it: a cursor names the first entry that is answered. */
function readJournal(args: readonly string[]): string {
  const cursor = args.find((one) => one.startsWith('--cursor='))?.slice('--cursor='.length);
  const count = Number(args.find((one) => one.startsWith('--lines='))?.slice('--lines='.length) ?? journal.length);
  const from = cursor === undefined ? 0 : Number(/i=(\d+)$/.exec(cursor)![1]) - 1;
  return journal.slice(from).slice(-count).join('\n');
}
const states = new Map([
  ['cron', 'running'],
  ['postfix', 'failed'],
  ['proxmox-backup', 'running'],
  ['ssh', 'dead'],
]);
function systemctl(args: readonly string[]): string {
  if (args[0] !== 'show') {
    const name = args.at(-1)!.replace('.service', '');
    if (states.has(name)) states.set(name, args.includes('stop') ? 'dead' : 'running');
    return '';
  }
  return args
    .slice(2)
    .map((unit) => {
      const state = states.get(unit.replace('.service', ''));
      const load = state === undefined ? 'not-found' : 'loaded';
      return `Id=${unit}\nDescription=The ${unit} of this machine\nLoadState=${load}\nSubState=${state ?? 'dead'}\nUnitFileState=enabled\n`;
    })
    .join('\n');
}

if (chromiumPath !== undefined) {
  let server: TestServer;
  let browser: WebBrowser;
  let machine: FakeMachine;

  before(async () => {
    for (let n = 1; n <= 300; n++)
      say(n % 3 === 0 ? 'sshd' : 'kernel', n === 200 ? 'ata1: error: link is slow' : `event ${n}`);
    // What the kernel says of the real machine, but for disks and network.
    const kernel = ['stat', 'meminfo', 'cpuinfo', 'loadavg', 'net/dev'].map(
      (name) => [`/proc/${name}`, fs.readFileSync(`/proc/${name}`, 'utf8')] as const,
    );
    machine = new FakeMachine(
      {
        ...Object.fromEntries(kernel),
        '/sys/block/sda/size': '',
        '/sys/block/sdb/size': '',
        '/sys/block/sdz/size': '',
        '/sys/class/net/lo/flags': '0x9\n',
        '/sys/class/net/vmbr0/flags': '0x1003\n',
        '/run/systemd/system/x': '',
        '/var/log/journal/x': '',
        '/etc/resolv.conf': 'search example.org\nnameserver 192.0.2.53\n',
        '/etc/network/interfaces':
          'auto lo\niface lo inet loopback\n\nauto vmbr0\niface vmbr0 inet static\n    address 192.0.2.2/24\n    gateway 192.0.2.1\n    bridge_ports eno1\n',
        '/etc/network/interfaces.new':
          'auto lo\niface lo inet loopback\n\nauto vmbr0\niface vmbr0 inet static\n    address 192.0.2.9/24\n    gateway 192.0.2.1\n    bridge_ports eno1\n',
      },
      {
        systemctl,
        journalctl: readJournal,
        lsblk: () => JSON.stringify(blockDevices),
        smartctl: (args) => JSON.stringify(smart(args)),
        zpool: (args) =>
          args[0] === 'status' ? poolStatus : 'tank\tDEGRADED\t1000000000\t400000000\t600000000\t12\t1.00\n',
        diff: () =>
          '--- /etc/network/interfaces\n+++ /etc/network/interfaces.new\n-    address 192.0.2.2/24\n+    address 192.0.2.9/24\n',
        'apt-get': () => 'Inst zstd [1.5.4] (1.5.5 Debian:12/stable [amd64])\n',
        'apt-cache': () =>
          'Package: zstd\nVersion: 1.5.5\nSection: utils\nPriority: optional\nDescription: fast compression\n',
        'dpkg-query': () => '',
      },
    );
    server = await TestServer.start({ machine });
    await server.datastore('store1');
    await server.manager('user', 'create', 'audit@pbs', '--password', 'audit-password');
    await server.manager('acl', 'update', '/', 'Audit', '--auth-id', 'audit@pbs');
    await server.manager('user', 'create', 'own@pbs', '--password', 'own-password');
    using writer = new MetricsWriter(databaseFile(resolveDirectories(server.path('server'), 'home')));
    const now = Math.floor(Date.now() / 60_000) * 60;
    for (let i = 55; i > 0; i--) {
      const wave = Math.sin(i / 6);
      const values = {
        cpu: 0.4 + wave * 0.3,
        iowait: 0.05,
        loadavg: 1.5 + wave,
        memtotal: 16 * gib,
        memused: (7 + wave) * gib,
        total: 100 * gib,
        used: 61 * gib,
        netin: 30e6 + wave * 20e6,
        netout: 4e6,
        read_bytes: 5e6,
        write_bytes: 60e6 + wave * 40e6,
      };
      writer.record(now - i * 60, [{ series: nodeSeries, values }]);
    }
    browser = await WebBrowser.start(server.port);
  });
  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const tab = async ({ page }: WebWindow, name: string): Promise<void> => {
    await page.getByRole('navigation', { name: 'Parts of the administration' }).getByRole('link', { name }).click();
  };

  test('every part of the machine is shown to who may see it', async () => {
    await using window = await browser.open({ height: 1100 });
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password');
    await page.getByRole('link', { name: 'Administration' }).click();
    await page.getByText('Fingerprint of the certificate').waitFor();
    await page.getByText(/^received: .*\/s$/).waitFor();
    await window.check('administration-status');
    await page.getByRole('button', { name: 'Period' }).click();
    await page.getByRole('option', { name: 'Month' }).click();
    await page.waitForURL(/frame=month/);
    const [report] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save report' }).click(),
    ]);
    assert.match(fs.readFileSync(await report.path(), 'utf8'), /==== versions ====/);

    await tab(window, 'Services');
    const services = page.getByRole('grid', { name: 'Services' });
    await services
      .getByRole('row', { name: /^postfix/ })
      .getByText('failed')
      .waitFor();
    await window.check('administration-services');
    await page.getByRole('button', { name: 'Start postfix', exact: true }).click();
    await page.getByRole('dialog').getByText('TASK OK').waitFor();
    await page.keyboard.press('Escape');
    await services
      .getByRole('row', { name: /^postfix/ })
      .getByText('running')
      .waitFor();

    await tab(window, 'Network');
    await page.getByText('192.0.2.9/24', { exact: true }).waitFor();
    await page.getByText('These changes are not in force yet.').waitFor();
    await page.getByText('192.0.2.53').waitFor();
    await window.check('administration-network');

    await tab(window, 'Disks');
    await page.getByRole('row', { name: /sda .*passed/ }).waitFor();
    await page.getByRole('row', { name: /^tank DEGRADED/ }).waitFor();
    await window.check('administration-disks');
    await page.getByRole('button', { name: 'Make a datastore on a disk' }).click();
    const form = page.getByRole('dialog');
    await form.getByLabel('Name of the datastore').fill('usb1');
    await form.getByRole('button', { name: /Disk/ }).click();
    assert.deepEqual(await page.getByRole('option').allTextContents(), ['sdz: 1.82 TiB, Portable']);
    await page.getByRole('option', { name: /sdz/ }).click();
    await form.getByText('The disk is taken away at times').click();
    await window.check('administration-disk-datastore');
    await page.keyboard.press('Escape');
    await page.getByRole('row', { name: /sdb / }).click();
    await page.getByRole('dialog').getByText('Wear_Leveling_Count').waitFor();
    await window.check('administration-smart');
    await page.keyboard.press('Escape');
    await page.getByRole('row', { name: /^tank/ }).click();
    await page.getByRole('dialog').getByText('/dev/sdc1', { exact: true }).waitFor();
    await window.check('administration-pool');
    await page.keyboard.press('Escape');

    await tab(window, 'Versions');
    await page.getByRole('grid', { name: 'Updates' }).getByText('zstd').waitFor();
    await window.check('administration-versions');
  });

  test('the journal is narrowed down and followed', async () => {
    await using window = await browser.open({ colours: 'dark' });
    const { page } = window;
    await window.logIn('audit@pbs', 'audit-password', '/administration/journal');
    const log = page.getByRole('log', { name: 'Journal' });
    await log.getByText('event 299').waitFor();
    say('sshd', 'a new connection');
    await log.getByText('a new connection').waitFor();
    await page.getByRole('button', { name: 'Next warning' }).click();
    await log.getByText('ata1: error: link is slow').waitFor();
    await window.check('administration-journal-dark');
    await page.getByRole('button', { name: 'Program' }).click();
    await page.getByRole('option', { name: 'sshd' }).click();
    await page.waitForURL(/program=sshd/);
    await log.getByText('event 298').waitFor({ state: 'detached' });
    await page.getByLabel('Only lines with').fill('CONNECTION');
    await log.getByRole('button', { name: 'Line 1', exact: true }).waitFor();
    assert.equal(await log.getByRole('button').count(), 1);
  });

  test('the log of changes is read, filtered and verified, also once somebody has altered it', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('audit@pbs', 'audit-password', '/administration/audit');
    const grid = page.getByRole('grid', { name: 'Audit log' });
    await grid.getByText('config/datastore').first().waitFor();
    await page.getByLabel('Action or target').fill('config/datastore');
    await page.waitForURL(/text=config/);
    await grid.getByText('access/acl').first().waitFor({ state: 'detached' });
    await grid.getByText('config/datastore').first().click();
    await page.getByRole('dialog').getByText('"name": "store1"').waitFor();
    await window.check('administration-audit-entry');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.getByText('The log is whole and unaltered').waitFor();
    await page.getByText(/^from entry 1 \(.*\) to entry \d+ \(.*\)$/).waitFor();
    await window.check('administration-audit');
    const folder = path.join(resolveDirectories(server.path('server'), 'home').log, 'audit');
    const file = path.join(folder, fs.readdirSync(folder).find((name) => name.endsWith('.log'))!);
    const text = fs.readFileSync(file, 'utf8');
    const lines = text.split('\n');
    lines[3] = lines[3]!.replace('"result":"OK"', '"result":"no"');
    fs.writeFileSync(file, lines.join('\n'));
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.getByText(/^from entry 1 \(.*\) to entry 3 \(.*\)$/).waitFor();
    await page.getByText(/line 4: /).waitFor();
    await window.check('administration-audit-altered');
    fs.writeFileSync(file, text);
  });

  test('a console is opened, typed into, resized, left by keyboard, ended and opened again', async () => {
    const script = String.raw`trap 'stty size | tr " " x' WINCH
stty size | tr " " x
printf "\e[31mred \e[34mblue \e[1;32mgreen\e[0m Grüße\n"
until read -t 0.1 line; do :; done
echo "got $line"; exec bash --norc --noprofile -i`;
    machine.terminal = () => ['bash', '-c', script];
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/administration/console');
    const open = page.getByRole('button', { name: 'Open a console' });
    await open.waitFor();
    await window.check('administration-console-before');
    await open.click();
    await page.getByText('Connected').waitFor();
    const screen = page.locator('.xterm-rows');
    const typed = (text: string): Promise<void> => page.keyboard.type(text);
    await screen
      .getByText(/^\d+x1\d\d$/)
      .first()
      .waitFor();
    await screen.getByText('Grüße', { exact: true }).waitFor();
    await window.check('administration-console');
    await page.setViewportSize({ width: 390, height: 800 });
    await screen.getByText(/^\d+x[2-5]\d$/).waitFor();
    await typed('hällo\n');
    await screen.getByText('got hällo').waitFor();
    await window.check('administration-console-narrow');
    // Tab is the program's; the way out is another.
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate<string>('document.activeElement.className'), 'xterm-helper-textarea');
    await page.keyboard.press('Control+Shift+F6');
    await page.keyboard.press('Enter');
    await page.getByText('Ended').waitFor();
    await window.check('administration-console-ended');
    await page.getByText('Read new lines out (screen reader)').click();
    await page.getByRole('button', { name: 'Open another console' }).click();
    await page.getByText('Connected').waitFor();
    await typed('words\n');
    await page.locator('.xterm-accessibility').getByText('got words').first().waitFor();
    await window.check('administration-console-spoken');
    await typed('exit\n');
    await page.getByText('Ended').waitFor();
    machine.terminal = () => {
      throw new Error('no terminal today');
    };
  });

  test('a restart wants the name of the machine typed', async () => {
    await using window = await browser.open();
    const { page } = window;
    await window.logIn('admin@pbs', 'admin-password', '/administration/status');
    await page.getByRole('button', { name: 'Restart' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('No task is running.').waitFor();
    const name = /Restart (.*)\?/.exec((await dialog.getByRole('heading').textContent())!)![1]!;
    assert.equal(await dialog.getByRole('button', { name: 'Restart' }).isDisabled(), true);
    await window.check('administration-restart');
    await dialog.getByLabel(`Type ${name} to confirm`).fill(name);
    await dialog.getByRole('button', { name: 'Restart' }).click();
    await dialog.waitFor({ state: 'detached' });
    assert.ok(machine.calls.includes('systemctl reboot --no-wall'));
  });

  test('an auditor changes nothing, and who may see nothing has no way there; on a phone, in German', async () => {
    await using window = await browser.open({ width: 390, height: 780, language: 'de', colours: 'dark' });
    const { page } = window;
    await page.goto('/administration/services');
    const logIn = async (user: string, password: string): Promise<void> => {
      await page.getByLabel('Benutzername').fill(user);
      await page.getByLabel('Passwort').fill(password);
      await page.getByRole('button', { name: 'Anmelden' }).click();
    };
    await logIn('audit@pbs', 'audit-password');
    await page.getByRole('row', { name: /^cron/ }).waitFor();
    assert.equal(await page.getByRole('button', { name: /starten|beenden/ }).count(), 0);
    for (const [address, text] of [
      ['status', 'Fingerabdruck des Zertifikats'],
      ['disks', 'sda'],
      ['audit', 'config/datastore'],
    ] as const) {
      await page.goto(`/administration/${address}`);
      await page.getByText(text).first().waitFor();
      await window.check(`administration-${address}-phone-dark`);
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      assert.ok(width <= 390, `${address} is ${width} pixels wide`);
    }
    assert.equal(await page.getByRole('button', { name: 'Herunterfahren' }).count(), 0);
    await page.getByRole('button', { name: 'Abmelden' }).click();
    await logIn('own@pbs', 'own-password');
    await page.getByText('Sie dürfen diesen Teil nicht sehen.').waitFor();
    await page.getByRole('button', { name: 'Menü' }).click();
    await page.getByRole('link', { name: 'Aufgaben' }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'Verwaltung' }).count(), 0);
  });
}
