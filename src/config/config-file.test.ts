import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { GranaryError } from '../base/errors.ts';
import { lockFile } from '../os/file-lock.ts';
import { ConfigFile, lockPath } from './config-file.ts';

let directory: string;
let path: string;
let parses: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'granary-config-'));
  path = join(directory, 'numbers.cfg');
  parses = 0;
});
afterEach(() => rm(directory, { recursive: true }));

const numbersFile = (lockWaitMs = 10_000): ConfigFile<number[]> =>
  new ConfigFile<number[]>({
    path,
    lockWaitMs,
    parse: (text, file) => {
      parses++;
      const numbers = text === '' ? [] : text.trimEnd().split('\n').map(Number);
      if (numbers.some(Number.isNaN)) throw new GranaryError('config-invalid', `parsing "${file}" failed`);
      return numbers;
    },
    serialize: (numbers) => numbers.map((n) => `${n}\n`).join(''),
  });
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const isCode = (code: string) => (error: unknown) => error instanceof GranaryError && error.code === code;

test('a missing file is an empty one', () => {
  assert.deepEqual(numbersFile().current(), { ...numbersFile().current(), value: [], digest: sha256('') });
});

test('a change is visible at once, to others too, and has the mode', async () => {
  const [one, two] = [numbersFile(), numbersFile()];
  assert.deepEqual(two.current().value, []);
  const { digest } = await one.update((numbers) => void numbers.push(1));
  assert.equal(digest, sha256('1\n'));
  assert.deepEqual((await two.load()).value, [1]);
  assert.equal(fs.statSync(path).mode & 0o777, 0o640);
});

test('an unchanged file is parsed once, a change by hand is seen', () => {
  fs.writeFileSync(path, '1\n');
  const past = new Date(Date.now() - 10_000);
  const file = numbersFile();
  assert.deepEqual(file.current().value, [1]);
  for (let i = 0; i < 5; i++) assert.equal(file.current().value, file.current().value);
  assert.equal(parses, 1);
  // Same size, same inode, and a time stamp in the past.
  fs.writeFileSync(path, '2\n');
  fs.utimesSync(path, past, past);
  assert.deepEqual(file.current().value, [2]);
});

test('changes in quick succession are all seen', async () => {
  const [writer, reader] = [numbersFile(), numbersFile()];
  for (let i = 0; i < 30; i++) {
    await writer.update((numbers) => void numbers.splice(0, 1, i % 10));
    assert.deepEqual(reader.current().value, [i % 10]);
  }
});

test('the digest guards a change', async () => {
  const file = numbersFile();
  const { digest } = await file.update((numbers) => void numbers.push(1));
  await file.update((numbers) => void numbers.push(2), digest);
  await assert.rejects(
    file.update((numbers) => void numbers.push(3), digest),
    (error: unknown) =>
      isCode('modified')(error) &&
      (error as Error).message === 'detected modified configuration - file changed by other user? Try again.',
  );
  assert.equal(fs.readFileSync(path, 'utf8'), '1\n2\n');
});

test('a broken file is an error and stays as it is', async () => {
  for (const broken of [Buffer.from('1\nx\n'), Buffer.from([0x31, 0xff, 0x0a])]) {
    fs.writeFileSync(path, broken);
    const file = numbersFile();
    assert.throws(() => file.current(), isCode('config-invalid'));
    await assert.rejects(
      file.update((numbers) => void numbers.push(1)),
      isCode('config-invalid'),
    );
    assert.deepEqual(fs.readFileSync(path), broken);
  }
});

test('what is not UTF-8 is named with its line', () => {
  for (const [bytes, line] of [
    [Buffer.from('1\n\xe4\n2\n', 'latin1'), 2],
    [Buffer.from('1\n2\n3 \xe4', 'latin1'), 3],
  ] as const) {
    fs.writeFileSync(path, bytes);
    assert.throws(() => numbersFile().current(), {
      code: 'config-invalid',
      message: `parsing "${path}" failed: line ${line} - not UTF-8`,
    });
  }
});

if (process.getuid?.() === 0) {
  test('what root puts there is given to the group of the directory with the next change', async () => {
    const [daemon, stranger] = [4711, 4712];
    fs.chownSync(directory, daemon, daemon);
    const owners = (): number[] => {
      const { uid, gid, mode } = fs.statSync(path);
      return [uid, gid, mode & 0o777];
    };
    const push = (number: number) => (numbers: number[]) => void numbers.push(number);
    await numbersFile().update(push(1));
    assert.deepEqual(owners(), [0, daemon, 0o640]);
    // As a copy or an editor leaves it: everybody could read it, and from the next change on nobody.
    fs.chownSync(path, 0, 0);
    fs.chmodSync(path, 0o644);
    await numbersFile().update(push(2));
    assert.deepEqual(owners(), [0, daemon, 0o640]);
    fs.chownSync(path, stranger, stranger);
    await numbersFile().update(push(3));
    assert.deepEqual(owners(), [stranger, daemon, 0o640]);
    const secret = new ConfigFile<number[]>({ path, mode: 0o600, parse: () => [], serialize: () => '1\n' });
    fs.chownSync(path, 0, 0);
    await secret.update(() => {});
    assert.deepEqual(owners(), [0, 0, 0o600]);
  });
}

test('a change that fails or cannot be written leaves file and lock as they were', async () => {
  const file = numbersFile();
  await file.update((numbers) => void numbers.push(1));
  const failing = file.update(() => {
    throw new Error('no');
  });
  await assert.rejects(failing, /no/);
  await assert.rejects(
    file.update((numbers) => void numbers.push(Number.NaN)),
    isCode('config-invalid'),
  );
  assert.equal(fs.readFileSync(path, 'utf8'), '1\n');
  await file.update((numbers) => void numbers.push(2));
  assert.deepEqual(fs.readdirSync(directory).sort(), ['.numbers.lck', 'numbers.cfg']);
});

test('a lock that somebody holds is waited for, not forever', async () => {
  const held = await lockFile(lockPath(path), { mode: 'exclusive' });
  await assert.rejects(
    numbersFile(20).update(() => {}),
    isCode('locked'),
  );
  const waiting = numbersFile().update((numbers) => void numbers.push(1));
  held?.release();
  await waiting;
});

test('changes at the same time happen one after the other', async () => {
  const files = [numbersFile(), numbersFile(), numbersFile()];
  const changes = Array.from({ length: 30 }, (_, i) =>
    files[i % 3]!.update(async (numbers) => {
      await new Promise(setImmediate);
      numbers.push(i);
    }),
  );
  await Promise.all(changes);
  assert.deepEqual(
    numbersFile()
      .current()
      .value.toSorted((a, b) => a - b),
    Array.from({ length: 30 }, (_, i) => i),
  );
});

/** Runs `script` in a process of its own, with `file` being a ConfigFile of numbers. */
async function run(script: string, failpoints = ''): Promise<NodeJS.Signals | number | null> {
  const source = `
    const { ConfigFile } = await import(${JSON.stringify(new URL('./config-file.ts', import.meta.url).href)});
    const file = new ConfigFile({
      path: ${JSON.stringify(path)},
      parse: (text) => (text === '' ? [] : text.trimEnd().split('\\n').map(Number)),
      serialize: (numbers) => numbers.map((n) => n + '\\n').join(''),
    });
    ${script}`;
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', source],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, GRANARY_FAILPOINTS: failpoints },
    },
  );
  return new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)));
}

test('two processes change one file without losing a change', async () => {
  const script = (from: number): string =>
    `for (let i = 0; i < 40; i++) await file.update((numbers) => { numbers.push(${from} + i); });`;
  assert.deepEqual(await Promise.all([run(script(0)), run(script(100))]), [0, 0]);
  const { value } = numbersFile().current();
  assert.deepEqual(
    value.filter((n) => n < 100),
    Array.from({ length: 40 }, (_, i) => i),
  );
  assert.deepEqual(
    value.filter((n) => n >= 100),
    Array.from({ length: 40 }, (_, i) => 100 + i),
  );
});

test('a process that dies while changing leaves the old or the new content, and no lock', async () => {
  const points = ['before-write', 'after-write', 'after-fsync', 'after-rename', 'after-dir-fsync'];
  for (const point of points) {
    fs.writeFileSync(path, '1\n');
    const ended = await run('await file.update((numbers) => { numbers.push(2); });', `atomic-file:${point}=kill`);
    assert.equal(ended, 'SIGKILL', point);
    const renamed = point === 'after-rename' || point === 'after-dir-fsync';
    assert.equal(fs.readFileSync(path, 'utf8'), renamed ? '1\n2\n' : '1\n', point);
    await numbersFile(100).update((numbers) => void numbers.splice(0));
  }
});

test('a full disk leaves the old content and an error that names the file', async () => {
  await numbersFile().update((numbers) => void numbers.push(1));
  const { setFailpoint } = await import('../os/failpoint.ts');
  setFailpoint('atomic-file:after-write', 'ENOSPC');
  try {
    await assert.rejects(
      numbersFile().update((numbers) => void numbers.push(2)),
      (error: unknown) => isCode('io')(error) && (error as Error).message.startsWith(`unable to write "${path}": `),
    );
  } finally {
    setFailpoint('atomic-file:after-write', undefined);
  }
  assert.equal(fs.readFileSync(path, 'utf8'), '1\n');
  assert.deepEqual(fs.readdirSync(directory).sort(), ['.numbers.lck', 'numbers.cfg']);
});
