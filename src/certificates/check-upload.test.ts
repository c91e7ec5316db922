// Which chains and keys are taken, and what is said about the others.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { Authority, openssl } from '../../test/support/authority.ts';
import { scratchFolder } from '../../test/support/scratch.ts';
import { systemClock } from '../base/clock.ts';
import { checkPair } from './check-upload.ts';

const folder = scratchFolder('granary-upload-');
after(() => rmSync(folder, { recursive: true }));

const program = openssl;
if (program !== undefined) {
  const authority = new Authority(folder);
  const leaf = authority.issue('server');
  const { root, intermediate } = authority;
  const chain = (...links: { certificate: string }[]): string => links.map((link) => link.certificate).join('');
  const clock = systemClock;
  const refused = (certificate: string, key: string, parameter: string, text: RegExp): void =>
    assert.throws(
      () => checkPair({ certificate, key }, { clock }),
      (error: Error & { parameters?: Record<string, string> }) => text.test(error.parameters?.[parameter] ?? ''),
    );

  test('a chain from the leaf up is taken, with and without its root', () => {
    for (const certificate of [chain(leaf, intermediate), chain(leaf, intermediate, root)]) {
      assert.deepEqual(checkPair({ certificate, key: leaf.key }, { clock }), {
        certificate,
        key: leaf.key,
        warnings: [],
      });
    }
    const noisy = `Bag Attributes\n  friendlyName: x\n${leaf.certificate}\n\n${intermediate.certificate}`;
    const parameters = '-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n';
    assert.deepEqual(checkPair({ certificate: noisy, key: parameters + leaf.key }, { clock }), {
      certificate: chain(leaf, intermediate),
      key: leaf.key,
      warnings: [],
    });
  });

  test('what is allowed but unusual is told', () => {
    const alone = checkPair({ certificate: leaf.certificate, key: leaf.key }, { clock });
    assert.deepEqual(alone.warnings, [
      'the certificate of its issuer (CN = intermediate) is not in the chain: clients may need it',
    ]);
    const ending = authority.issue('ending', { days: 5 });
    const soon = checkPair({ certificate: chain(ending, intermediate), key: ending.key }, { clock });
    assert.match(soon.warnings.join(), /^the certificate expires in [45] days$/);
  });

  test('a certificate that is not valid now needs to be wanted', () => {
    const over = authority.issue('over', { days: -1 });
    const certificate = chain(over, intermediate);
    refused(certificate, over.key, 'certificates', /^the certificate has expired, .*; set force to use it/);
    const forced = checkPair({ certificate, key: over.key }, { clock, allowInvalid: true });
    assert.match(forced.warnings.join(), /^the certificate has expired/);
    const early = { now: () => Date.now() - 500 * 86_400_000 };
    assert.throws(() => checkPair({ certificate: chain(leaf, intermediate), key: leaf.key }, { clock: early }), {
      message: /the certificate is not valid before/,
    });
  });

  test('wrong keys, orders and texts are refused by name', () => {
    const other = authority.issue('other');
    refused(chain(leaf, intermediate), other.key, 'certificates', /^the key does not belong to the first certificate/);
    refused(chain(intermediate, leaf), leaf.key, 'certificates', /^the key does not belong/);
    refused(
      chain(leaf, root),
      leaf.key,
      'certificates',
      /^certificate 2 \(CN = Test root\) did not issue certificate 1 \(CN = server\): the server's certificate comes first/,
    );
    refused(chain(leaf, intermediate, intermediate), leaf.key, 'certificates', /^certificate 3 .* certificate 2/);
    refused('nonsense', leaf.key, 'certificates', /^there is no certificate in PEM form/);
    refused(leaf.certificate.replace('MII', 'MIX'), leaf.key, 'certificates', /^certificate 1 cannot be read/);
    refused(leaf.certificate, 'nonsense', 'key', /^there is no private key in PEM form/);
    refused(leaf.certificate, leaf.key + other.key, 'key', /^there is more than one private key/);
    refused(leaf.certificate, leaf.key.replace(/\nM\w/, '\nXX'), 'key', /^it cannot be read/);
    const locked = execFileSync(program, ['pkey', '-aes256', '-passout', 'pass:secret'], {
      input: leaf.key,
    }).toString();
    refused(leaf.certificate, locked, 'key', /^it is protected by a passphrase/);
    const words = ['req', '-x509', '-newkey', 'rsa:512', '-nodes', '-subj', '/CN=small', '-keyout', '-', '-out', '-'];
    const small = execFileSync(program, words, { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
    refused(small, small, 'certificates', /^a server cannot use this certificate: .*too small/);
  });
}
