// The self-made certificate (config-and-tasks.md 14).

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';
import { systemClock } from '../base/clock.ts';
import { describeCertificate } from './describe.ts';
import { certificateFiles, ensureIdentity, identityStamp, loadIdentity } from './identity.ts';

test('a certificate is made once, fits its key, and names the machine', async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'granary-tls-'));
  t.after(() => rmSync(directory, { recursive: true }));
  assert.equal(await loadIdentity(directory), undefined);
  const clock = { now: () => Date.UTC(2026, 1, 11, 10) };
  const made = await ensureIdentity(directory, { clock, bits: 2048, hostName: 'backup.example.org' });
  assert.deepEqual(await ensureIdentity(directory, { clock }), made);
  assert.deepEqual(await loadIdentity(directory), made);
  const certificate = new X509Certificate(made.certificate);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(certificate.checkHost('backup.example.org') && certificate.checkHost('localhost'));
  assert.ok(certificate.checkIP('127.0.0.1') && certificate.checkIP('::1'));
  assert.equal(certificate.fingerprint256.toLowerCase(), made.fingerprint);
  tls.createSecureContext({ cert: made.certificate, key: made.key });
  const info = describeCertificate('proxy.pem', made.certificate);
  assert.match(info.subject, /^O = Proxmox Backup Server, OU = [0-9a-f-]{36}, CN = backup\.example\.org$/);
  assert.equal(info.subject, info.issuer);
  const names = ['127.0.0.1', '::1', 'localhost', os.hostname().split('.')[0], 'backup.example.org'];
  assert.deepEqual(info.san, names);
  assert.equal(info.notbefore, clock.now() / 1000);
  assert.equal(info.notafter - info.notbefore, 365_000 * 86_400);
  assert.deepEqual([info['public-key-type'], info['public-key-bits']], ['rsaEncryption', 2048]);
  for (const file of Object.values(certificateFiles(directory))) assert.equal(statSync(file).mode & 0o777, 0o640);
});

test('force makes another one, and a key of somebody else is refused', async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'granary-tls-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const options = { clock: systemClock, bits: 2048 };
  const first = await ensureIdentity(directory, options);
  const stamp = await identityStamp(directory);
  const second = await ensureIdentity(directory, { ...options, force: true });
  assert.notEqual(first.fingerprint, second.fingerprint);
  assert.notEqual(await identityStamp(directory), stamp);
  const files = certificateFiles(directory);
  writeFileSync(files.key, first.key);
  await assert.rejects(loadIdentity(directory), { code: 'certificate', message: /does not belong to the certificate/ });
  writeFileSync(files.certificate, 'no certificate');
  await assert.rejects(loadIdentity(directory), { code: 'certificate' });
});
