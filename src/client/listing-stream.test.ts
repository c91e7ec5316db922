import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { listItems } from './listing-stream.ts';

async function* inPieces(text: string, length: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

async function items(text: string, length = 7): Promise<object[]> {
  const list: object[] = [];
  for await (const item of listItems(inPieces(text, length), 'GET x')) list.push(item);
  return list;
}

test('items are those of JSON.parse, however the answer is cut', async () => {
  const item = fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.parse(JSON.stringify(value)) as object);
  await fc.assert(
    fc.asyncProperty(
      fc.array(item, { maxLength: 5 }),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(undefined, 1),
      async (list, length, indent) => {
        const text = JSON.stringify({ total: 3, data: list, digest: 'a{[,]}"b' }, null, indent);
        assert.deepEqual(await items(text, length), list);
      },
    ),
  );
});

test('what is no list, or breaks off, is an error', async () => {
  for (const text of ['', '{', '{"data":null}', '{"data":[1]}', '[]', '{"data":{"a":1}}', '{"errors":[]}']) {
    await assert.rejects(items(text), /answer to GET x: /, text);
  }
  const whole = '{"data":[{"a":1},{"b":[2]}]}';
  for (let length = 1; length < whole.length; length++) {
    await assert.rejects(items(whole.slice(0, length)), /answer to GET x: /, whole.slice(0, length));
  }
  assert.deepEqual(await items(whole), [{ a: 1 }, { b: [2] }]);
});
