// node.cfg: every option, the description, and files that are broken.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { resolveDirectories } from './directories.ts';
import { acmeOptions, nodeConfigFile } from './node-config.ts';
import type { NodeOptions } from './node-schema.ts';

let home: string;
let file: string;
beforeEach(() => {
  home = mkdtempSync(path.join(os.tmpdir(), 'granary-node-config-'));
  file = path.join(home, 'node.cfg');
});
afterEach(() => rmSync(home, { recursive: true }));
const config = () => nodeConfigFile({ ...resolveDirectories(home, 'home'), config: home });

const original = `#Backup server of%3A site 1
#second line
acme: account=default
acmedomain0: backup.example.com
acmedomain1: domain=pbs.example.com,alias=_acme.example.net,plugin=dns1
http-proxy: http://user:pw@proxy.example.com:3128
email-from: backup@example.com
ciphers-tls-1.2: ECDHE-RSA-AES256-GCM-SHA384:!aNULL
ciphers-tls-1.3: TLS_AES_256_GCM_SHA384
default-lang: de
task-log-max-days: 30
consent-text: SGVsbG8=
location: latitude=48.2,longitude=16.3,name="Vienna, AT"
`;

test('a whole file is read, and written back', async () => {
  writeFileSync(file, original);
  const { value } = config().current();
  assert.equal(value.description, 'Backup server of: site 1\nsecond line');
  assert.equal(value['task-log-max-days'], 30);
  assert.deepEqual(acmeOptions(value), {
    account: 'default',
    domains: [
      { domain: 'backup.example.com' },
      { domain: 'pbs.example.com', alias: '_acme.example.net', plugin: 'dns1' },
    ],
  });
  await config().update((options) => {
    options['task-log-max-days'] = 31;
  });
  const written = original.replace('%3A', ':').replace('days: 30', 'days: 31');
  assert.equal(readFileSync(file, 'utf8'), written);
});

test('a missing file is one without options', () => {
  assert.deepEqual(config().current().value, {});
  assert.deepEqual(acmeOptions({}), { account: 'default', domains: [] });
});

test('a broken file is named with its line and left alone', async () => {
  for (const [text, problem] of [
    ['acme: account=default\nnonsense\n', /node\.cfg" failed: line 2 - syntax error/],
    ['\nno-such-option: 1\n', /line 2 - unknown property 'no-such-option'/],
    ['task-log-max-days: many\n', /line 1 - property 'task-log-max-days': invalid digit/],
    ['email-from: a@b\nemail-from: c@d\n', /line 2 - duplicate property 'email-from'/],
    ['acmedomain0: domain=a..b\n', /line 1 - property 'acmedomain0': 'domain': value does not match/],
    ['acmedomain0: plugin=x\n', /property 'acmedomain0': 'domain': property is missing/],
    ['location: latitude=91,longitude=0\n', /'latitude': value must have a maximum value of 90/],
  ] as const) {
    writeFileSync(file, text);
    assert.throws(() => config().current(), { code: 'config-invalid', message: problem });
    await assert.rejects(
      config().update(() => {}),
      { code: 'config-invalid' },
    );
    assert.equal(readFileSync(file, 'utf8'), text);
  }
});

test('nothing is written that could not be read back', async () => {
  for (const options of [
    { 'email-from': 'a@b\nacme: x' },
    { 'http-proxy': 'http://a b' },
    { acmedomain3: 'plugin=x' },
    { description: 'bell \u0007' },
  ] satisfies NodeOptions[]) {
    await assert.rejects(
      config().update((value) => void Object.assign(value, options)),
      { code: 'config-invalid' },
    );
  }
});

test('any description comes back as it was', async () => {
  const line = fc.string({ unit: 'grapheme' }).filter((text) => !/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text));
  const lines = fc.array(line, { minLength: 1, maxLength: 4 }).map((all) => all.join('\n'));
  await fc.assert(
    fc.asyncProperty(lines, async (description) => {
      fc.pre(description !== '');
      rmSync(file, { force: true });
      await config().update((options) => {
        options.description = description;
      });
      assert.equal(config().current().value.description, description);
    }),
    { numRuns: 50 },
  );
});

test('a file from another system, with indented lines, is read and written in the form of this one', async () => {
  writeFileSync(file, '#Site 1\r\n#second  \r\n\r\n  email-from: a@b.example  \r\n\tdefault-lang : de\r\n');
  await config().update((options) => {
    options['task-log-max-days'] = 3;
  });
  assert.equal(
    readFileSync(file, 'utf8'),
    '#Site 1\n#second  \nemail-from: a@b.example\ndefault-lang: de\ntask-log-max-days: 3\n',
  );
});
