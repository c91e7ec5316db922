// The Debian packages: built, installed into a copy of this system, used as a server and as a client, removed.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DatagramReceiver } from '../../src/os/testing/datagrams.ts';
import { findInstalled } from '../support/installed.ts';
import { type Outcome, root, run } from '../support/launch.ts';
import { scratchFolder } from '../support/scratch.ts';

const programs = [
  ['dpkg-deb', 'dpkg'],
  ['unshare', 'util-linux'],
  ['setpriv', 'util-linux'],
  ['ip', 'iproute2'],
  ['pgrep', 'procps'],
] as const;
const isRoot = process.getuid?.() === 0;
const patience = { patienceMs: 170_000, env: { HOME: '/root' } };

if (isRoot && programs.every(([program, from]) => findInstalled(program, from) !== undefined)) {
  describe('the Debian packages', { timeout: 300_000 }, () => {
    let folder: string;
    let built: Outcome;

    before(async () => {
      folder = scratchFolder('granary-package-');
      mkdirSync(join(folder, 'shared'));
      const node = [process.execPath, '--disable-warning=ExperimentalWarning'];
      const words = [...node, join(root, 'scripts/package-deb.ts'), '--out', join(folder, 'shared')];
      built = await run(words, patience);
      assert.equal(built.code, 0, built.err);
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    test('server and client are installed, used and removed', { timeout: 180_000 }, async () => {
      const names = readdirSync(join(folder, 'shared'));
      assert.deepEqual(names.map((name) => name.split('_')[0]).sort(), ['granary', 'granary-client']);
      using api = new DatagramReceiver(join(folder, 'shared', 'notify-api'));
      using proxy = new DatagramReceiver(join(folder, 'shared', 'notify-proxy'));
      for (const { path } of [api, proxy]) chmodSync(path, 0o666);
      const { code, out, err } = await run([join(root, 'test/package/outside.sh'), join(folder, 'shared')], patience);
      assert.equal(code, 0, out + err);
      for (const found of [
        'with a token and restored',
        'web interface is served',
        'across a reload',
        'configuration and data kept',
      ]) {
        assert.ok(out.includes(found), out);
      }
      assert.match(await api.next(/./), /^READY=1\nSTATUS=Serving \/run\/proxmox-backup\/api\.sock$/);
      await api.next(/^STOPPING=1/);
      assert.match(await proxy.next(/./), /^READY=1\nSTATUS=Serving port 8007$/);
      for (const state of [/^RELOADING=1/, /^READY=1/, /^STOPPING=1/]) await proxy.next(state);
    });
  });
}
