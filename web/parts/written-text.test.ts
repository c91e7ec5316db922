import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fromBase64, readPairs, toBase64, writePairs } from './written-text.ts';

test('text goes through base64 and back', () => {
  assert.equal(toBase64('{{ title }} – ü'), Buffer.from('{{ title }} – ü').toString('base64'));
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => assert.equal(fromBase64(toBase64(text)), text)));
});

test('headers and secrets are lines for people and property strings for the call', () => {
  const stored = writePairs('Content-Type: text/plain\n\nX-Time:  {{ timestamp }} \n', ':');
  assert.equal(stored, `name=Content-Type,value=${btoa('text/plain')}\nname=X-Time,value=${btoa('{{ timestamp }}')}`);
  assert.equal(readPairs(stored, ': '), 'Content-Type: text/plain\nX-Time: {{ timestamp }}');
  // A secret that is not given anew keeps its value; one with = in it is whole.
  assert.equal(writePairs('OLD\nNEW=a=b', '='), `name=OLD\nname=NEW,value=${btoa('a=b')}`);
  assert.equal(readPairs('name=OLD', '='), 'OLD');
});
