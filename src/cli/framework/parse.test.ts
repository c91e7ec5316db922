import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GranaryError } from '../../base/errors.ts';
import { defineCommand, defineGroup, resolveCommand } from './command.ts';
import { option, optional } from './options.ts';
import { parseOptions } from './parse.ts';

const command = defineCommand({
  summary: 'x',
  positional: ['snapshot', 'rest'],
  options: {
    snapshot: option.text('s', { pattern: '^vm/' }),
    rest: optional(option.list(option.text('r'), 'r')),
    quiet: optional(option.flag('q')),
    on: optional(option.flag('o', { default: true })),
    count: optional(option.integer('c', { minimum: 1, maximum: 10 })),
    mode: optional(option.choice(['a', 'b'], 'm')),
    rate: optional(option.text('r', { format: 'byte-size' })),
  },
  async run() {},
});
const snapshot = 'vm/100/2023-11-14T22:13:20Z';
const parse = (...words: string[]) => parseOptions(command, words).values;
const problems = (...words: string[]): Record<string, string> | undefined => {
  try {
    parse(...words);
  } catch (error) {
    assert.ok(error instanceof GranaryError);
    return error.parameters;
  }
  return undefined;
};

test('options may be written in every form and anywhere', () => {
  const expected = { snapshot, on: true, count: 3, mode: 'a', rest: ['x', '--y'] };
  assert.deepEqual(parse(snapshot, '--count', '3', '--mode=a', 'x', '--', '--y'), expected);
  assert.deepEqual(parse('-count', '3', '-mode', 'a', '--snapshot', snapshot, 'x', '--', '--y'), expected);
  assert.deepEqual(parse('--rest', 'x', '--rest', 'y', '--', snapshot).rest, ['x', 'y']);
});

test('booleans take a word or stand alone', () => {
  assert.equal(parse(snapshot, '--quiet').quiet, true);
  assert.equal(parse(snapshot, '--quiet', '1').quiet, true);
  assert.equal(parse('--quiet', 'OFF', snapshot).quiet, false);
  assert.equal(parse('--quiet', snapshot).snapshot, snapshot);
  assert.equal(parse(snapshot).on, true);
  assert.deepEqual(problems(snapshot, '--on'), { on: 'missing parameter value.' });
});

test('a dash alone and negative numbers are values', () => {
  assert.deepEqual(parse(snapshot, '-').rest, ['-']);
  assert.deepEqual(problems(snapshot, '--count', '-3'), { count: 'value must have a minimum value of 1 (got -3)' });
});

test('problems have the texts of the API', () => {
  assert.deepEqual(problems(), { snapshot: 'missing argument' });
  assert.deepEqual(problems(snapshot, '--count'), { count: 'missing parameter value.' });
  assert.deepEqual(problems(snapshot, '--count', 'x'), { count: 'invalid digit found in string' });
  assert.deepEqual(problems(snapshot, '--count', '11'), { count: 'value must have a maximum value of 10 (got 11)' });
  assert.deepEqual(problems(snapshot, '--count', '1', '--count', '2'), { count: 'duplicate parameter.' });
  assert.deepEqual(problems(snapshot, '--mode', 'c'), { mode: "value 'c' is not defined in the enumeration." });
  assert.deepEqual(problems(snapshot, '--rate', 'fast'), { rate: 'value does not match the regex pattern' });
  assert.deepEqual(problems('vm'), { snapshot: 'value does not match the regex pattern' });
  assert.deepEqual(problems(snapshot, '--constructor', '1'), {
    constructor: 'schema does not allow additional properties.',
  });
  assert.deepEqual(problems(snapshot, '--nope', '1'), { nope: 'schema does not allow additional properties.' });
  assert.throws(() => parse('--nope', 'x', '--count', 'x', snapshot), {
    message:
      "parameter verification failed:\n- 'nope': schema does not allow additional properties.\n- 'count': invalid digit found in string",
  });
});

test('commands are found by unique prefixes and by alias', () => {
  const list = defineCommand({ summary: '', options: {}, async run() {} });
  const tree = defineGroup(
    '',
    { snapshot: defineGroup('', { list, files: list, forget: list }), status: list, list },
    { snapshots: ['snapshot', 'list'] },
  );
  const path = (...words: string[]) => {
    const found = resolveCommand(tree, words);
    return found.kind === 'command' ? found.path.join(' ') : `?${found.unknown ?? ''} ${found.candidates.join(',')}`;
  };
  assert.equal(path('snap', 'li'), 'snapshot list');
  assert.equal(path('snapshots'), 'snapshot list');
  assert.equal(path('snapshot', 'f'), '?f files,forget');
  assert.equal(path('s'), '?s snapshot,status');
  assert.equal(path('snapshot', '--x'), '? ');
});

test('no words make parsing fail in another way than with an error about parameters', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('--', '-', '--count', '--mode=', '--rest', '--quiet', '-count', '=', '--=x', '-5', 'vm/1', 'on'),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (words) => {
      try {
        const values = parse(...words);
        assert.ok(String(values.snapshot).startsWith('vm/'));
      } catch (error) {
        assert.ok(error instanceof GranaryError && error.code === 'parameter-invalid', String(error));
      }
    }),
  );
});
