import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { configFile, readSetting, runtimeFile } from './secrets.ts';
import { loadTicket, storeTicket } from './ticket-cache.ts';

const dir = mkdtempSync(join(tmpdir(), 'granary-secrets-'));
after(() => rmSync(dir, { recursive: true }));
const file = join(dir, 'secret');
writeFileSync(file, 'from file\nsecond line\n');
writeFileSync(join(dir, 'proxmox-backup-client.password'), 'from credential');

test('a setting comes from the first place that has it', async () => {
  const fd = openSync(file, 'r');
  const all = {
    PBS_PASSWORD: 'plain',
    PBS_PASSWORD_FD: String(fd),
    PBS_PASSWORD_FILE: file,
    PBS_PASSWORD_CMD: 'echo from command; echo more',
    CREDENTIALS_DIRECTORY: dir,
  };
  const { PBS_PASSWORD, ...a } = all;
  const { PBS_PASSWORD_FD, ...b } = a;
  const { PBS_PASSWORD_FILE, ...c } = b;
  const { PBS_PASSWORD_CMD, ...d } = c;
  assert.equal(await readSetting(all, 'PBS_PASSWORD'), PBS_PASSWORD);
  assert.equal(await readSetting(a, 'PBS_PASSWORD'), 'from file');
  closeSync(Number(PBS_PASSWORD_FD));
  assert.equal(await readSetting(b, 'PBS_PASSWORD'), 'from file');
  assert.ok(PBS_PASSWORD_FILE && PBS_PASSWORD_CMD);
  assert.equal(await readSetting(c, 'PBS_PASSWORD'), 'from command');
  assert.equal(await readSetting(d, 'PBS_PASSWORD'), 'from credential');
  assert.equal(await readSetting(d, 'PBS_FINGERPRINT'), undefined);
});

test('a setting that is there but empty or unreadable is an error', async () => {
  await assert.rejects(readSetting({ PBS_PASSWORD: '' }, 'PBS_PASSWORD'), { code: 'usage' });
  await assert.rejects(readSetting({ PBS_PASSWORD_FD: 'x' }, 'PBS_PASSWORD'), { code: 'usage' });
  await assert.rejects(readSetting({ PBS_PASSWORD_FILE: join(dir, 'none') }, 'PBS_PASSWORD'), /cannot read/);
  await assert.rejects(readSetting({ PBS_PASSWORD_CMD: 'exit 3' }, 'PBS_PASSWORD'), /failed with status 3/);
});

test('the files of the client follow the XDG variables', () => {
  assert.equal(configFile({ XDG_CONFIG_HOME: '/c' }, 'x'), '/c/proxmox-backup/x');
  assert.equal(configFile({ HOME: '/h' }, 'x'), '/h/.config/proxmox-backup/x');
  assert.equal(runtimeFile({}, 'tickets'), undefined);
});

test('tickets are kept for their user and server until they end', async () => {
  const cache = join(dir, 'run', 'tickets');
  const server = { host: 'h', port: 8007 };
  const ticket = { ticket: 'T', token: 'C', timestamp: 1000 };
  await storeTicket(cache, server, 'u@pbs', ticket, 1000);
  await storeTicket(cache, { host: 'h', port: 9 }, 'u@pbs', { ...ticket, ticket: 'other' }, 1000);
  assert.deepEqual(await loadTicket(cache, server, 'u@pbs', 2000), ticket);
  assert.equal((await loadTicket(cache, { host: 'h', port: 9 }, 'u@pbs', 2000))?.ticket, 'other');
  assert.equal(await loadTicket(cache, server, 'v@pbs', 2000), undefined);
  assert.equal(await loadTicket(cache, server, 'u@pbs', 1000 + 7200), undefined);
  await storeTicket(cache, server, 'u@pbs', undefined, 2000);
  assert.equal(await loadTicket(cache, server, 'u@pbs', 2000), undefined);
  for (const damaged of ['not json', 'null', '[]', '{"h":null}', '{"h":{"u@pbs":5}}', '{"h":{"u@pbs":{"ticket":1}}}']) {
    writeFileSync(cache, damaged);
    assert.equal(await loadTicket(cache, server, 'u@pbs', 2000), undefined, damaged);
    await storeTicket(cache, server, 'u@pbs', ticket, 1000);
    assert.deepEqual(await loadTicket(cache, server, 'u@pbs', 2000), ticket, damaged);
  }
});
