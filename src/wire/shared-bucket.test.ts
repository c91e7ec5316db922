import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { resolveDirectories } from '../config/directories.ts';
import { tryLockDescriptor } from '../os/file-lock.ts';
import { bucketFolder, currentRates, forgetOthers, SharedRule } from './shared-bucket.ts';

const home = fs.mkdtempSync(join(tmpdir(), 'granary-bucket-'));
const directories = resolveDirectories(home, 'home');
fs.mkdirSync(directories.run, { recursive: true });
after(() => fs.rmSync(home, { recursive: true }));

const rate = { rate: 1000, burst: 500 };
let now = 1_000_000;
const shared = (name: string, onError: (error: unknown) => void = assert.ifError): SharedRule =>
  new SharedRule(join(bucketFolder(directories), name), { onError, now: () => now });

test('processes share what is in a bucket, directions do not', () => {
  const [one, other] = [shared('share'), shared('share')];
  assert.equal(one.bucket('in', rate).take(500), 0);
  assert.equal(other.bucket('in', rate).take(100), 100);
  assert.equal(one.bucket('in', rate).take(100), 200);
  assert.equal(one.bucket('out', rate).take(500), 0);
  now += 200;
  assert.equal(other.bucket('in', rate).take(0), 0);
  now += 10_000;
  assert.equal(one.bucket('in', rate).take(600), 100);
  one.close();
  assert.equal(one.bucket('in', rate).take(0), 100);
  for (const rule of [one, other]) rule.close();
});

test('another rate takes over the debt in bytes', () => {
  const rule = shared('rate');
  assert.equal(rule.bucket('in', rate).take(2500), 2000);
  assert.equal(rule.bucket('in', { rate: 100_000, burst: 100_000 }).take(0), 20);
  rule.close();
});

test('what cannot be paid at once is paid later, and nobody waits for the lock', () => {
  const rule = shared('busy');
  const bucket = rule.bucket('in', rate);
  bucket.take(500);
  const fd = fs.openSync(join(bucketFolder(directories), 'busy'), 'r+');
  assert.ok(tryLockDescriptor(fd));
  assert.equal(bucket.take(100), 1);
  assert.equal(bucket.take(100), 1);
  fs.closeSync(fd);
  assert.equal(bucket.take(100), 300);
  rule.close();
});

test('a file from before the machine was started anew is a full bucket', () => {
  const rule = shared('boot');
  assert.equal(rule.bucket('in', rate).take(50_500), 50_000);
  now -= 900_000;
  assert.equal(rule.bucket('in', rate).take(500), 0);
  now += 900_000;
  rule.close();
});

test('a damaged file is a full bucket', () => {
  fs.writeFileSync(join(bucketFolder(directories), 'short'), 'x');
  const rule = shared('short');
  assert.equal(rule.bucket('in', rate).take(600), 100);
  rule.close();
});

test('current rates are the mean of the last whole seconds, of all processes, with and without a limit', () => {
  now = Math.ceil(now / 1000) * 1000;
  const [one, other] = [shared('mean'), shared('mean')];
  assert.deepEqual(
    currentRates(directories, 'mean', () => now),
    { in: 0, out: 0 },
  );
  const [limited, counted] = [one.bucket('in', rate), other.bucket('out', undefined)];
  for (let second = 0; second < 4; second++) {
    limited.take(3000);
    assert.equal(counted.take(5000), 0);
    assert.equal(counted.take(1000), 0);
    now += 500;
    assert.equal(counted.take(0), 0);
    now += 500;
  }
  assert.deepEqual(
    currentRates(directories, 'mean', () => now),
    { in: 3000, out: 6000 },
  );
  now += 10_000;
  assert.deepEqual(
    currentRates(directories, 'mean', () => now),
    { in: 0, out: 0 },
  );
  for (const rule of [one, other]) rule.close();
});

test('bytes pass when the state cannot be used, and somebody is told', () => {
  fs.mkdirSync(join(bucketFolder(directories), 'folder'));
  const errors: unknown[] = [];
  assert.equal(
    shared('folder', (error) => errors.push(error))
      .bucket('in', rate)
      .take(1e9),
    0,
  );
  assert.equal(errors.length, 1);
  fs.rmdirSync(join(bucketFolder(directories), 'folder'));
});

test('what rules that are no more have left is removed', () => {
  forgetOthers(directories, new Set(['mean', 'unknown']));
  assert.deepEqual(fs.readdirSync(bucketFolder(directories)), ['mean']);
});
