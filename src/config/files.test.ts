// The files that are tables or lists: datastore.cfg, domains.cfg, the secret files, and maintenance modes.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { GranaryError } from '../base/errors.ts';
import { DatastoreConfig } from './datastore-config.ts';
import { verificationThreads } from './datastore-schema.ts';
import { createDirectories, type Directories, resolveDirectories } from './directories.ts';
import { checkMaintenance, formatMaintenanceMode, parseMaintenanceMode } from './maintenance.ts';
import { listRealms, realmConfigFile } from './realm-config.ts';
import { secretFile } from './secret-file.ts';

let home: string;
let directories: Directories;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'granary-config-'));
  directories = resolveDirectories(home, '');
  await createDirectories(directories);
});
afterEach(() => rm(home, { recursive: true }));

const golden = (name: string): { data: unknown; digest: string } =>
  JSON.parse(fs.readFileSync(new URL(`../../test/golden/pbs-3.2.4/api/${name}`, import.meta.url), 'utf8'));
const isCode = (code: string, message: string) => (error: unknown) =>
  error instanceof GranaryError && error.code === code && error.message === message;

test('directories of a checkout and of an installation', () => {
  assert.equal(directories.config, join(home, 'etc'));
  assert.equal(fs.statSync(directories.config).mode & 0o777, 0o700);
  assert.equal(resolveDirectories(home, 'system').config, '/etc/proxmox-backup');
});

test('datastores as the original lists them, with its digest', async () => {
  const config = new DatastoreConfig(directories);
  await config.create({ name: 'fixture', path: '/mnt/datastore/fixture' });
  await config.create({ name: 'chunker', path: '/mnt/datastore/chunker' });
  const recorded = golden('config-datastore.json');
  const { data, digest } = config.list();
  assert.deepEqual(new Set(data), new Set(recorded.data as unknown[]));
  assert.equal(digest, recorded.digest);
});

test('datastores are created, changed, removed, with the texts of the API', async () => {
  const config = new DatastoreConfig(directories);
  await config.create({ name: 'ds1', path: '/a', 'verify-new': true, comment: 'one' });
  await assert.rejects(
    config.create({ name: 'ds1', path: '/b' }),
    isCode('already-exists', "parameter verification failed - 'name': datastore 'ds1' already exists."),
  );
  await config.update('ds1', { comment: 'two', tuning: 'sync-level=file' }, { remove: ['verify-new'] });
  assert.deepEqual(config.get('ds1').data, { name: 'ds1', path: '/a', comment: 'two', tuning: 'sync-level=file' });
  assert.throws(() => config.get('ds2'), isCode('bad-request', "no such datastore 'ds2'"));
  assert.equal(config.find('ds2'), undefined);
  await assert.rejects(config.update('ds2', {}), isCode('bad-request', "no such datastore 'ds2'"));
  await assert.rejects(config.update('ds1', { tuning: 'x=1' }), /property 'tuning'/);
  await assert.rejects(config.update('ds1', {}, { remove: ['path'] }), /property 'path' is missing/);
  await assert.rejects(config.remove('ds2'), isCode('not-found', "datastore 'ds2' does not exist."));
  await config.remove('ds1', { digest: config.list().digest });
  assert.deepEqual(config.list().data, []);
});

test('a datastore.cfg written by hand for the guide is read and keeps what it has', async () => {
  const path = join(directories.config, 'datastore.cfg');
  fs.writeFileSync(
    path,
    'datastore: ds1\n    path /a\n    notify always\n    keep-last 3\n    prune-schedule daily 02:00\n    maintenance-mode offline\n',
  );
  const config = new DatastoreConfig(directories);
  assert.equal(config.get('ds1').data['keep-last'], 3);
  await config.create({ name: 'ds2', path: '/b' });
  assert.deepEqual(config.get('ds1').data, {
    name: 'ds1',
    path: '/a',
    notify: 'always',
    'keep-last': 3,
    'prune-schedule': 'daily 02:00',
    'maintenance-mode': 'offline',
  });
});

test('realms: the built-in ones always, those of other kinds with their own properties', async () => {
  const file = realmConfigFile(directories);
  const recorded = golden('access-domains.json');
  assert.deepEqual(listRealms(file.current().value), recorded.data);
  assert.equal(file.current().digest, recorded.digest);
  const text =
    'ldap: corp\n\tbase-dn dc=x\n\tcomment Company\n\tdefault true\n\tserver1 a\n\tuser-attr uid\n\npam: pam\n\tcomment mine\n';
  fs.writeFileSync(file.path, text);
  assert.deepEqual(listRealms(file.current().value), [
    { realm: 'pbs', type: 'pbs', comment: 'Proxmox Backup authentication server' },
    { realm: 'corp', type: 'ldap', comment: 'Company', default: true },
    { realm: 'pam', type: 'pam', comment: 'mine' },
  ]);
  await file.update((sections) => void sections.delete('pam'));
  assert.equal(fs.readFileSync(file.path, 'utf8'), text.slice(0, text.indexOf('\npam')));
});

test('secret files: private, pretty, and their errors show no secret', async () => {
  const file = secretFile(join(directories.config, 'shadow.json'));
  await file.update((secrets) => void secrets.set('b', '2').set('a', '1').set('__proto__', '3'));
  assert.equal(fs.readFileSync(file.path, 'utf8'), '{\n  "__proto__": "3",\n  "a": "1",\n  "b": "2"\n}');
  assert.equal(file.current().value.get('__proto__'), '3');
  assert.equal(fs.statSync(file.path).mode & 0o777, 0o600);
  for (const broken of ['{"a": "SECRET"', '["SECRET"]', '"SECRET"', '{"a": {"SECRET": 1}}', 'null', '0']) {
    fs.writeFileSync(file.path, broken);
    assert.throws(
      () => file.current(),
      (error: unknown) =>
        error instanceof GranaryError && error.code === 'config-invalid' && !error.message.includes('SECRET'),
      broken,
    );
  }
});

test('threads of a verification: the larger of both numbers, the datastore says what is not given', () => {
  assert.equal(verificationThreads({}, undefined), 4);
  assert.equal(verificationThreads({}, 'default-verification-workers=2'), 2);
  assert.equal(verificationThreads({}, 'default-verification-workers=2,default-verification-readers=6'), 6);
  assert.equal(verificationThreads({ 'verify-threads': 1 }, undefined), 1);
  assert.equal(verificationThreads({ 'verify-threads': 1, 'read-threads': 3 }, undefined), 3);
});

test('maintenance modes refuse what they should, with the text of the field', () => {
  const refusal = (mode: string, operation: 'read' | 'write' | 'lookup'): string | undefined => {
    try {
      checkMaintenance('S', mode, operation);
      return undefined;
    } catch (error) {
      assert.ok(error instanceof GranaryError && error.code === 'maintenance');
      return error.message;
    }
  };
  const unavailable = "datastore 'S' is unavailable: ";
  assert.equal(refusal('read-only', 'read'), undefined);
  assert.equal(refusal('read-only,message=hello%20x', 'write'), `${unavailable}read-only maintenance mode: hello x`);
  assert.equal(refusal('offline,message="a,b"', 'read'), `${unavailable}offline maintenance mode: a,b`);
  assert.equal(refusal('type=offline', 'lookup'), undefined);
  assert.equal(refusal('delete', 'lookup'), `${unavailable}datastore is being deleted`);
  assert.equal(refusal('unmount', 'write'), `${unavailable}datastore is being unmounted`);
  assert.equal(refusal('s3-refresh', 'read'), `${unavailable}S3 refresh maintenance mode: `);
  assert.doesNotThrow(() => checkMaintenance('S', undefined, 'write'));
  assert.equal(formatMaintenanceMode({ type: 'read-only', message: 'hello x' }), 'read-only,message=hello%20x');
  assert.deepEqual(parseMaintenanceMode('offline,message=50%'), { type: 'offline', message: '50%' });
  assert.throws(() => parseMaintenanceMode('asleep'), isInvalid);
});

const isInvalid = (error: unknown): boolean => error instanceof GranaryError && error.code === 'config-invalid';
