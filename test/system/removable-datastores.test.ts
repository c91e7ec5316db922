// Removable datastores as somebody uses them: on real loop devices, with the commands of cli.md and real backups.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
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
    assert.match(unmounted, /unmounted '.*usb1', the device can be removed\nTASK OK/);
    assert.equal(await mountStatus('usb1'), 'notmounted');
    const failed = await backup('two');
    assert.equal(failed.code, 255);
    assert.match(failed.err, /datastore 'usb1' is not mounted/);
    assert.deepEqual(readdirSync(join(machine.folder, 'mnt/datastore/usb1')), []);
    assert.match(await refused('datastore', 'unmount', 'usb1'), /datastore 'usb1' is not mounted/);
    assert.match(await refused('garbage-collection', 'start', 'usb1'), /datastore 'usb1' is not mounted/);
    assert.match(await manager('datastore', 'show', 'usb1'), /datastore 'usb1' is not mounted/);
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
}
