import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { askPam, setSystemPassword } from './pam.ts';

const id = randomBytes(4).toString('hex');
const service = `granary-test-${id}`;
const user = `granary-${id}`;
const scratch = mkdtempSync(join(tmpdir(), 'granary-pam-'));
after(() => rmSync(scratch, { recursive: true }));
const ask = (o: { user?: string; password: string; service?: string }) =>
  askPam({ service: 'proxmox-backup-auth', user, remoteHost: '192.0.2.7', ...o });

test('a wrong password of the own user is refused, with or without the rights of root', async () => {
  const verdict = await ask({ user: userInfo().username, password: `no-password-${id}` });
  assert.equal(verdict.ok, false);
});

test('questions that C cannot take are refused', async () => {
  assert.deepEqual((await ask({ user: 'a\0b', password: 'x' })).ok, false);
  assert.deepEqual((await ask({ password: 'a\0b' })).ok, false);
  await assert.rejects(setSystemPassword('root:x', 'y'), /control character/);
  await assert.rejects(setSystemPassword('root', 'x\nother:y'), /control character/);
});

if (process.getuid?.() === 0) {
  test('a user of the system: password, account, changed password', async () => {
    execFileSync('useradd', ['--no-create-home', '--shell', '/usr/sbin/nologin', user]);
    try {
      await setSystemPassword(user, 'first: password');
      assert.deepEqual(await ask({ password: 'first: password' }), { ok: true });
      for (const password of ['first: passwor', 'first: password ', '', 'x'.repeat(7000)]) {
        assert.deepEqual(await ask({ password }), { ok: false, reason: 'Authentication failure' });
      }
      assert.equal((await ask({ user: `${user}x`, password: 'first: password' })).ok, false);
      await setSystemPassword(user, 'second');
      assert.equal((await ask({ password: 'first: password' })).ok, false);
      assert.deepEqual(await ask({ password: 'second' }), { ok: true });
      execFileSync('usermod', ['--expiredate', '2001-01-01', user]);
      assert.deepEqual(await ask({ password: 'second' }), { ok: false, reason: 'Authentication failure' });
    } finally {
      execFileSync('userdel', [user]);
    }
    await assert.rejects(setSystemPassword(user, 'third'), /chpasswd/);
  });

  test('modules see service, user, address and password; a slow one does not hold the process up', async () => {
    const file = `/etc/pam.d/${service}`;
    const seen = join(scratch, 'seen');
    const program = join(scratch, 'module');
    const facts = '$PAM_SERVICE/$PAM_USER/$PAM_RHOST/$PAM_TYPE';
    writeFileSync(program, `#!/bin/sh\necho "${facts}/$(tr -d '\\0')" >> '${seen}'\nsleep 0.3\nexit 0\n`, {
      mode: 0o700,
    });
    writeFileSync(
      file,
      `auth required pam_exec.so quiet expose_authtok ${program}\naccount required pam_exec.so quiet ${program}\n`,
    );
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    try {
      assert.deepEqual(await ask({ service, password: 'a secret' }), { ok: true });
    } finally {
      clearInterval(timer);
      rmSync(file);
    }
    assert.ok(ticks > 20, `${ticks} ticks`);
    assert.deepEqual(readFileSync(seen, 'utf8').split('\n'), [
      `${service}/${user}/192.0.2.7/auth/a secret`,
      `${service}/${user}/192.0.2.7/account/`,
      '',
    ]);
  });
}
