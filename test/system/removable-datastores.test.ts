// Removable datastores as somebody uses them: on real loop devices, with the commands of cli.md and real backups.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdirSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { hasLoopDevices, LoopDevice, MountingMachine } from '../support/loop-device.ts';
import { TestServer } from '../support/server.ts';

if (hasLoopDevices()) {
  let server: TestServer;
  let machine: MountingMachine;
  let device: LoopDevice;
  before(async () => {
    machine = new MountingMachine();
    device = new LoopDevice();
    server = await TestServer.start({ machine });
    writeFileSync(server.path('host.conf'), 'a line\n'.repeat(1000));
    // Its 65,536 directories are made on demand.
    device.edit((folder) => mkdirSync(join(folder, 'backups/.chunks'), { recursive: true }));
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    device[Symbol.dispose]();
  });

  const manager = async (...words: string[]): Promise<string> => {
    const { code, out, err } = await server.manager(...words);
    assert.equal(code, 0, `${words.join(' ')}: ${err}${out}`);
    return out + err;
  };
  const refused = async (...words: string[]): Promise<string> => {
    const { code, err } = await server.manager(...words);
    assert.equal(code, 255, words.join(' '));
    return err;
  };
  const backup = (id: string) =>
    server.client('usb1', ['backup', `host.conf:${server.path('host.conf')}`, '--backup-id', id]);
  const mountStatus = async (name: string): Promise<string | undefined> => {
    const env = { GRANARY_HOME: server.path('server') };
    const words = ['api', 'get', 'admin/datastore', '--output-format', 'json'];
    const { out } = await server.run('proxmox-backup-debug', words, { env });
    const stores = JSON.parse(out) as { store: string; 'mount-status': string }[];
    return stores.find(({ store }) => store === name)?.['mount-status'];
  };

  test('a datastore is made on a device, used, taken away and brought back', async () => {
    const mistakes: [string[], RegExp][] = [
      [['../x', '--backing-device', device.uuid], /path '\.\.\/x' leads out of the device: it has '\.\.'/],
      [['x', '--backing-device', 'AAAA-0000'], /there is no device with a file system of UUID 'AAAA-0000'/],
      [['x', '--backing-device', 'a/b'], /'backing-device'/],
      [['backups', '--backing-device', device.uuid], /holds a datastore already/],
      [['other', '--backing-device', device.uuid, '--reuse-datastore'], /there is no directory 'other' on device/],
    ];
    for (const [words, text] of mistakes) assert.match(await refused('datastore', 'create', 'usb1', ...words), text);
    assert.ok(!existsSync(join(machine.folder, 'mnt/datastore/usb1')));
    const made = await manager(
      'datastore',
      'create',
      'usb1',
      '/backups',
      '--backing-device',
      device.uuid,
      '--reuse-datastore',
    );
    assert.match(made, new RegExp(`mounted 'backups' of ${device.path} at '.*/mnt/datastore/usb1'`));
    assert.match(
      await refused('datastore', 'create', 'usb2', 'backups/in', '--backing-device', device.uuid),
      /nested datastores not allowed: 'backups\/in' and 'backups' on device/,
    );
    assert.match(await manager('datastore', 'list'), /│ usb1 │ backups │/);
    assert.equal(await mountStatus('usb1'), 'mounted');
    assert.equal((await backup('one')).code, 0);
    const unmounted = await manager('datastore', 'unmount', 'usb1');
    assert.match(unmounted, /unmounted '.*usb1'\n.*\/dev\/loop\d+.*\nTASK OK/);
    assert.equal(await mountStatus('usb1'), 'notmounted');
    const failed = await backup('two');
    assert.equal(failed.code, 255);
    assert.match(failed.err, /datastore 'usb1' is not mounted/);
    assert.deepEqual(readdirSync(join(machine.folder, 'mnt/datastore/usb1')), []);
    assert.match(await refused('datastore', 'unmount', 'usb1'), /datastore 'usb1' is not mounted/);
    assert.match(await refused('garbage-collection', 'start', 'usb1'), /datastore 'usb1' is not mounted/);
    assert.match(
      await manager('datastore', 'show', 'usb1'),
      /│ mount-status +│ notmounted +│[\s\S]*datastore 'usb1' is not mounted/,
    );
    assert.match(await manager('datastore', 'uuid-mount', '0000-0000'), /no datastore is on device '0000-0000'/);
    assert.match(await manager('datastore', 'uuid-mount', device.uuid), /mounted 'backups' of/);
    assert.match(await manager('datastore', 'uuid-mount', device.uuid), /datastore 'usb1' is already mounted/);
    assert.match(await refused('datastore', 'mount', 'usb1'), /datastore 'usb1' is already mounted at/);
    assert.match((await server.client('usb1', ['list'])).out, /host\/one/);
    assert.match(
      await refused('datastore', 'update', 'usb1', '--maintenance-mode', 'unmount'),
      /set by the server itself/,
    );
  });

  /** A backup that waits for its data; `end` gives it the rest. */
  function startBackup(id: string) {
    const pipe = server.path(`${id}.pipe`);
    spawnSync('mkfifo', [pipe]);
    const done = server.client('usb1', ['backup', `disk.img:${pipe}`, '--backup-id', id]);
    const writer = openSync(pipe, constants.O_RDWR);
    writeSync(writer, Buffer.alloc(60_000, id));
    return { done, end: () => closeSync(writer) };
  }

  /** A task whose identifier has `name`, and its log once `text` is in it; the task `after` does not count. */
  async function logWith(name: string, text: string, after = ''): Promise<{ upid: string; log: string }> {
    for (;;) {
      const listed = await manager('task', 'list', '--all', 'true', '--output-format', 'json');
      const upids = (JSON.parse(listed) as { upid: string }[]).map((task) => task.upid);
      for (const upid of upids.filter((one) => one.includes(name) && one !== after)) {
        const log = await logOf(upid);
        if (log.includes(text)) return { upid, log };
      }
    }
  }
  async function logOf(upid: string): Promise<string> {
    const env = { GRANARY_HOME: server.path('server') };
    const words = ['api', 'get', `nodes/localhost/tasks/${upid}/log`, '--limit', '0', '--output-format', 'json'];
    const { out } = await server.run('proxmox-backup-debug', words, { env });
    return (JSON.parse(out) as { data: { t: string }[] }).data.map(({ t }) => t.slice(27)).join('\n');
  }

  test('an unmount waits for a running backup, lets no other begin, and can be given up', async () => {
    const running = startBackup('slow');
    await logWith('host-slow', 'starting new backup');
    const first = server.manager('datastore', 'unmount', 'usb1');
    const { upid } = await logWith('unmount-device', 'waiting for 0 reading and 1 writing operations to end');
    assert.match((await backup('late')).err, /datastore 'usb1' is unavailable: datastore is being unmounted/);
    assert.match(await refused('datastore', 'unmount', 'usb1'), /datastore is being unmounted/);
    assert.match(await refused('datastore', 'update', 'usb1', '--delete', 'maintenance-mode'), /ends by itself/);
    await manager('task', 'stop', upid);
    assert.match((await first).err, /abort requested/);
    assert.equal((await backup('between')).code, 0);
    const second = server.manager('datastore', 'unmount', 'usb1');
    await logWith('unmount-device', 'waiting for 0 reading and 1 writing operations to end', upid);
    running.end();
    assert.equal((await running.done).code, 0);
    assert.equal((await second).code, 0);
    assert.equal(await mountStatus('usb1'), 'notmounted');
  });

  test('a device that fails under a backup leaves nothing half done', async () => {
    await manager('datastore', 'mount', 'usb1');
    const before = (await server.client('usb1', ['snapshot', 'list', '--output-format', 'json'])).out;
    const running = startBackup('torn');
    await logWith('host-torn', 'starting new backup');
    LoopDevice.fail(join(machine.folder, 'mnt/datastore/usb1'));
    running.end();
    const { code, err } = await running.done;
    assert.equal(code, 255);
    assert.match(err, /input\/output error|EIO|shut ?down|read-only/i);
    assert.equal((await backup('after')).code, 255);
    device.replug();
    assert.equal(await mountStatus('usb1'), 'notmounted');
    assert.match((await backup('after')).err, /datastore 'usb1' is not mounted/);
    assert.match(await manager('datastore', 'mount', 'usb1'), /taking away what is left of \/dev\/loop/);
    const finished = JSON.parse((await server.client('usb1', ['snapshot', 'list', '--output-format', 'json'])).out) as {
      size?: number;
    }[];
    assert.deepEqual(
      finished.filter(({ size }) => size !== undefined),
      JSON.parse(before),
    );
    assert.equal((await backup('torn')).code, 0);
    assert.match(await manager('verify', 'usb1', '--ignore-verified', 'false'), /TASK OK/);
  });

  test('sync jobs run when a device is mounted, and may send it away again', async () => {
    await server.datastore('copy');
    const job = ['--store', 'copy', '--remote-store', 'usb1', '--run-on-mount', 'true'];
    await manager('sync-job', 'create', 'from-usb', ...job, '--unmount-on-done', 'true');
    await manager(
      'sync-job',
      'create',
      'broken',
      '--store',
      'copy',
      '--remote-store',
      'usb1',
      '--remote-ns',
      'nowhere',
      '--run-on-mount',
      'true',
    );
    await manager('datastore', 'unmount', 'usb1');
    await manager('datastore', 'mount', 'usb1');
    const { log } = await logWith('mount-sync-jobs', 'TASK ');
    assert.match(
      log,
      /^will run 2 sync jobs: from-usb, broken\n\[1\/2\] starting 'from-usb'\.\.\.\n'from-usb' ended: OK\n/,
    );
    assert.match(
      log,
      /\[2\/2\] starting 'broken'\.\.\.\n'broken' ended: .+\nunmounting datastore 'usb1'\nTASK WARNINGS: 1$/,
    );
    assert.equal(await mountStatus('usb1'), 'notmounted');
    assert.match((await server.client('copy', ['list'])).out, /host\/one/);
  });

  test('a removed datastore is unmounted; its data goes only with its device there', async () => {
    assert.match(
      await refused('datastore', 'remove', 'usb1', '--destroy-data', 'true'),
      /datastore 'usb1' is not mounted/,
    );
    await manager('datastore', 'mount', 'usb1');
    await manager('datastore', 'remove', 'usb1');
    assert.ok(!existsSync(join(machine.folder, 'mnt/datastore/usb1')));
    const again = ['--backing-device', device.uuid, '--reuse-datastore'];
    await manager('datastore', 'create', 'usb3', 'backups', ...again);
    assert.match((await server.client('usb3', ['list'])).out, /host\/one/);
    await manager('datastore', 'remove', 'usb3', '--destroy-data', 'true');
    device.edit((top) => assert.deepEqual(readdirSync(join(top, 'backups')), []));
  });
}
