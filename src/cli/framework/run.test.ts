import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GranaryError } from '../../base/errors.ts';
import { FakeTerminal } from '../testing/terminal.ts';
import { splitLine } from '../words.ts';
import { defineCommand, defineGroup } from './command.ts';
import { option, optional } from './options.ts';
import { progressText } from './progress.ts';
import { runProgram } from './run.ts';

const show = defineCommand({
  summary: 'Show a thing.',
  positional: ['name'],
  options: {
    name: option.text('The thing.'),
    format: optional(option.choice(['text', 'json'], 'How.', { default: 'text' })),
    all: optional(option.flag('Everything.')),
  },
  complete: { name: async () => ['alpha', 'beta:one', 'beta:two'] },
  async run({ name }, terminal) {
    if (name === 'partial') throw new GranaryError('incomplete', 'half done', { details: { hint: 'be root' } });
    if (name === 'broken') throw new Error('boom');
    terminal.print(`${name}\n`);
  },
});
const tree = defineGroup('Test tool.', { thing: defineGroup('Things.', { show }), other: show }, { show: ['other'] });

async function run(words: string[], o: ConstructorParameters<typeof FakeTerminal>[0] = {}) {
  const terminal = new FakeTerminal(o);
  const code = await runProgram('tool', tree, words, terminal);
  return { code, out: terminal.printed, err: terminal.messages };
}

test('a command runs with its values', async () => {
  assert.deepEqual(await run(['thing', 'show', 'x']), { code: 0, out: 'x\n', err: '' });
});

test('an unknown command lists the usage of its level', async () => {
  const { code, err } = await run(['thing', 'shwo']);
  assert.equal(code, 255);
  assert.equal(
    err,
    "Error: no such command 'shwo'. Did you mean 'show'?\n\nUsage:\n\ntool thing show <name> [OPTIONS]\n",
  );
});

test('no command lists the possible ones', async () => {
  const { code, err } = await run([]);
  assert.equal(code, 255);
  assert.match(err, /^Error: no command specified\.\nPossible commands: other, thing\n\nUsage:\n\ntool thing show/);
});

test('a parameter error is followed by the usage', async () => {
  const { code, err } = await run(['other', '--nope', 'x']);
  assert.equal(code, 255);
  assert.match(
    err,
    /^Error: parameter verification failed:\n- 'nope': schema does not allow additional properties\.\n/,
  );
  assert.match(
    err,
    /\nUsage: tool other <name> \[OPTIONS\]\n\n <name> <string>\n {13}The thing\.\n\nOptional parameters:/,
  );
  assert.match(err, /--format text\|json {3}\(default=text\)/);
});

test('codes of errors decide the exit code, hints follow the error', async () => {
  assert.deepEqual(await run(['other', 'partial']), { code: 2, out: '', err: 'Error: half done\nbe root\n' });
  assert.deepEqual(await run(['other', 'broken']), { code: 255, out: '', err: 'Error: boom\n' });
});

test('help explains groups and commands', async () => {
  assert.match((await run(['help'])).out, /^tool - Test tool\.\n\nCommands:\n\n {2}thing show {2}Show a thing\.\n/);
  assert.match(
    (await run(['help', 'thi', 'sh'])).out,
    /^Usage: tool thing show <name> \[OPTIONS\]\n\nShow a thing\.\n/,
  );
  assert.match((await run(['help', '--verbose'])).out, /Usage: tool other[\s\S]*Optional parameters/);
  assert.equal((await run(['--help'])).code, 0);
});

test('completion gives commands, options and values', async () => {
  const complete = async (line: string, env: Record<string, string> = {}) =>
    (await run(['bashcomplete'], { env: { COMP_LINE: line, COMP_POINT: String(line.length), ...env } })).out.split(
      '\n',
    );
  assert.deepEqual(await complete('tool th'), ['thing', '']);
  assert.deepEqual(
    await complete('tool '),
    ['completion', 'help', 'other', 'show', 'thing', ''].filter((n) => n !== 'completion'),
  );
  assert.deepEqual(await complete('tool other --f'), ['--format', '']);
  assert.deepEqual(await complete('tool other --format '), ['json', 'text', '']);
  assert.deepEqual(await complete('tool other beta:'), ['one', 'two', '']);
  assert.deepEqual(await complete('tool other beta:', { GRANARY_WHOLE_WORDS: '1' }), ['beta:one', 'beta:two', '']);
  assert.deepEqual(await complete('tool other x '), ['']);
  assert.match((await run(['completion', 'bash'])).out, /^complete .*'tool bashcomplete' tool\n$/);
  assert.deepEqual(splitLine(`a "b c" 'd'e f\\ g `), ['a', 'b c', 'de', 'f g', '']);
});

test('the progress line tells speed and the time left', () => {
  const mib = 1024 * 1024;
  assert.equal(
    progressText('root.pxar', { done: 100 * mib, total: 400 * mib, facts: ['uploaded 3 MiB'] }, 10),
    'root.pxar: processed 100 MiB of 400 MiB in 10s, uploaded 3 MiB, 10 MiB/s, ETA 30s',
  );
  assert.equal(progressText('x', { done: 20, total: 10 }, 2), 'x: processed 20 B in 2s, 10 B/s');
  assert.equal(progressText('x', { done: 0 }, 0), 'x: processed 0 B in 0s, 0 B/s');
});
