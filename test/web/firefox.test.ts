// The pages in a real Firefox: they load, their lists fill, and nothing is logged as an error.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { Firefox, firefoxPath } from '../support/firefox.ts';
import { unpackFixture } from '../support/fixture.ts';
import { TestServer } from '../support/server.ts';

/** Keys without a letter, as WebDriver names them. */
const [tab, enter] = ['\uE004', '\uE007'];

if (firefoxPath !== undefined) {
  test('Firefox logs in and shows the pages', async () => {
    await using server = await TestServer.start();
    const added = await server.manager('datastore', 'create', 'fixture', unpackFixture(), '--reuse-datastore', 'true');
    assert.equal(added.code, 0, added.err);
    await using firefox = await Firefox.start();
    const origin = `https://localhost:${server.port}`;
    const pictures = path.join(import.meta.dirname, '../../tmp/screens');
    const shows = (text: string): Promise<void> =>
      firefox.until(`document.querySelector('main')?.textContent.includes(${JSON.stringify(text)})`);
    await firefox.open(`${origin}/tasks`);
    await firefox.until(`document.activeElement?.name === 'username'`);
    await firefox.type(`admin@pbs${tab}`);
    await firefox.type(`admin-password${enter}`);
    await shows('Tasks');
    for (const [address, text] of [
      ['/', 'Last 24 hours'],
      ['/datastore/fixture', 'fixture'],
      ['/datastore/fixture/content', 'host/'],
      ['/datastore/fixture/group?type=host&id=plain-host', '2023'],
      ['/datastore/fixture/prune?type=host&id=plain-host&keep-last=1', 'protected'],
      ['/datastore/fixture/files?type=host&id=plain-host&time=1700086400', 'root.pxar'],
      ['/datastore/fixture/jobs', 'No prune job'],
      ['/datastore/fixture/options', 'Garbage collection'],
      ['/datastore/fixture/permissions', 'Effect here'],
      ['/tasks/calendar', 'Calendar'],
      ['/keys', 'Create a master key'],
      ['/account', 'admin@pbs'],
      ['/configuration/datastores', 'fixture'],
      ['/configuration/users', 'root@pam'],
      ['/configuration/realms', 'Users of this machine'],
      ['/configuration/notifications', 'mail-to-root'],
      ['/configuration/certificates', 'SHA-256'],
      ['/administration', 'Memory'],
      ['/administration/services', 'proxmox-backup'],
      ['/administration/audit', 'Verify'],
    ] as const) {
      await firefox.open(`${origin}${address}`);
      await shows(text);
      await firefox.picture(path.join(pictures, `firefox${address.replaceAll(/[/?&=]/g, '-')}.png`));
    }
    assert.deepEqual(firefox.errors, []);
  });
}
