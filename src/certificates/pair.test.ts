// Replacing certificate and key: what anybody can read at every step, and after a crash at every step.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, before, beforeEach, test } from 'node:test';
import { scratchFolder } from '../../test/support/scratch.ts';
import { setFailpoint } from '../os/failpoint.ts';
import { keyFits } from './describe.ts';
import { certificateFiles, loadIdentity, replaceIdentity } from './identity.ts';
import type { CertificatePair } from './pair.ts';
import { makeSelfSigned } from './self-signed.ts';

let pairs: CertificatePair[];
let directory: string;
before(async () => {
  pairs = await Promise.all(
    ['one', 'two', 'three'].map((commonName) =>
      makeSelfSigned({
        organization: 'Test',
        organizationalUnit: 'Test',
        commonName,
        alternativeNames: [commonName],
        notBefore: new Date(),
        notAfter: new Date(Date.now() + 86_400_000),
        bits: 1024,
      }),
    ),
  );
});
beforeEach(() => {
  directory = scratchFolder('granary-pair-');
});
afterEach(() => {
  setFailpoint('*', undefined);
  rmSync(directory, { recursive: true });
});

/** The name in the certificate that lies there; fails when the key beside it is not its own. */
function present(): string | undefined {
  const files = certificateFiles(directory);
  if (!existsSync(files.certificate)) return undefined;
  const certificate = new X509Certificate(readFileSync(files.certificate));
  assert.ok(keyFits(certificate, readFileSync(files.key, 'utf8')), 'the key does not fit');
  return /CN=(.+)/.exec(certificate.subject)?.[1];
}

function assertTidy(): void {
  assert.deepEqual(
    readdirSync(directory).filter((name) => !name.includes('.tmp_')),
    ['.proxy.pem.lck', 'proxy.key', 'proxy.pem'],
  );
  for (const file of Object.values(certificateFiles(directory))) {
    assert.ok(lstatSync(file).isFile());
    assert.equal(statSync(file).mode & 0o777, 0o640);
  }
}

test('at every step there is the old pair or the new one', async () => {
  await replaceIdentity(directory, pairs[0]!);
  const seen: (string | undefined)[] = [];
  setFailpoint('*', () => void seen.push(present()));
  await replaceIdentity(directory, pairs[1]!);
  assert.ok(seen.length > 30, `${seen.length} steps`);
  const change = seen.indexOf('two');
  assert.deepEqual(new Set(seen.slice(0, change)), new Set(['one']));
  assert.deepEqual(new Set(seen.slice(change)), new Set(['two']));
  assertTidy();
});

test('the first pair is complete or absent at every step', async () => {
  const seen: (string | undefined)[] = [];
  setFailpoint('*', () => void seen.push(present()));
  await replaceIdentity(directory, pairs[0]!);
  assert.equal(seen[0], undefined);
  assert.equal(seen.at(-1), 'one');
  assertTidy();
});

test('a step that fails leaves a pair, and the next replacement cleans up', async () => {
  let steps = 0;
  for (let failing = 1; ; failing++) {
    setFailpoint('*', undefined);
    await replaceIdentity(directory, pairs[0]!);
    setFailpoint('*', `EIO@${failing}`);
    const failed = await replaceIdentity(directory, pairs[1]!).then(
      () => false,
      (error: unknown) => {
        assert.match(String(error), /unable to replace ".*proxy\.pem" and ".*proxy\.key": /);
        return true;
      },
    );
    setFailpoint('*', undefined);
    if (!failed) break;
    assert.ok(['one', 'two'].includes(present()!));
    assert.ok(await loadIdentity(directory));
    await replaceIdentity(directory, pairs[2]!);
    assert.equal(present(), 'three');
    assertTidy();
    steps = failing;
  }
  assert.ok(steps > 30, `${steps} steps`);
});

test('a process that is killed at a step leaves a pair', async () => {
  writeFileSync(path.join(directory, 'next.json'), JSON.stringify(pairs[1]!));
  const script = `
    import { readFileSync } from 'node:fs';
    const { replaceIdentity } = await import(${JSON.stringify(new URL('./identity.ts', import.meta.url).href)});
    await replaceIdentity(${JSON.stringify(directory)}, JSON.parse(readFileSync(${JSON.stringify(path.join(directory, 'next.json'))})));`;
  const steps = ['staged', 'linked-key', 'linked-certificate', 'switched', 'plain-key', 'plain-certificate'];
  for (const step of steps) {
    await replaceIdentity(directory, pairs[0]!);
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
      {
        stdio: 'inherit',
        env: { ...process.env, GRANARY_FAILPOINTS: `certificate:${step}=kill` },
      },
    );
    const signal = await new Promise((resolve) => child.on('exit', (_code, by) => resolve(by)));
    assert.equal(signal, 'SIGKILL', step);
    assert.equal(present(), steps.indexOf(step) < 3 ? 'one' : 'two', step);
  }
});

test('files that do not go together are replaced, too', async () => {
  const files = certificateFiles(directory);
  writeFileSync(files.certificate, pairs[0]!.certificate);
  writeFileSync(files.key, pairs[1]!.key);
  await assert.rejects(loadIdentity(directory), { code: 'certificate' });
  await replaceIdentity(directory, pairs[2]!);
  assert.equal(present(), 'three');
});

test('whoever loads while pairs are replaced gets one that fits', async () => {
  await replaceIdentity(directory, pairs[0]!);
  let replacing = true;
  const loads = (async () => {
    let count = 0;
    while (replacing) {
      assert.ok(await loadIdentity(directory));
      count++;
    }
    return count;
  })();
  for (let i = 0; i < 15; i++) await replaceIdentity(directory, pairs[i % 3]!);
  replacing = false;
  assert.ok((await loads) > 0);
});
