// Ciphers of node.cfg: what goes to OpenSSL, and what is refused by name.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_CIPHERS } from 'node:tls';
import { cipherList } from './tls-settings.ts';

test('a version of TLS without an option keeps its defaults', () => {
  assert.equal(cipherList({}), undefined);
  const suite = 'TLS_AES_256_GCM_SHA384';
  const older = DEFAULT_CIPHERS.split(':').filter((name) => !name.startsWith('TLS_'));
  assert.equal(cipherList({ 'ciphers-tls-1.3': suite }), [suite, ...older].join(':'));
  const list = cipherList({ 'ciphers-tls-1.2': 'ECDHE-RSA-AES256-GCM-SHA384:!aNULL' })!;
  assert.ok(list.startsWith('TLS_') && list.endsWith(':ECDHE-RSA-AES256-GCM-SHA384:!aNULL'), list);
});

test('ciphers that OpenSSL lacks, or of the other version, are named', () => {
  const refused = (options: Parameters<typeof cipherList>[0], message: RegExp) =>
    assert.throws(() => cipherList(options), message);
  refused({ 'ciphers-tls-1.2': 'NO-SUCH' }, /'ciphers-tls-1.2': OpenSSL does not take 'NO-SUCH'/);
  refused({ 'ciphers-tls-1.3': 'TLS_NO_SUCH' }, /'ciphers-tls-1.3': OpenSSL does not take 'TLS_NO_SUCH'/);
  refused({ 'ciphers-tls-1.3': 'AES256-SHA' }, /'AES256-SHA' does not belong to that version of TLS/);
  refused({ 'ciphers-tls-1.2': 'TLS_AES_128_GCM_SHA256' }, /'TLS_AES_128_GCM_SHA256' does not belong/);
});
