import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GranaryError } from '../base/errors.ts';
import { isMissingProgram, runProgram } from './run-program.ts';

test('output, input, exit code and lines of a program; no shell looks at the arguments', async () => {
  assert.deepEqual(await runProgram(['echo', '$HOME; `id`']), { code: 0, stdout: '$HOME; `id`\n', stderr: '' });
  const lines: string[] = [];
  const result = await runProgram(['sh', '-c', 'cat; echo two >&2; exit 3'], {
    input: 'one\nun',
    accept: [3],
    onLine: (line) => lines.push(line),
  });
  assert.deepEqual(result, { code: 3, stdout: 'one\nun', stderr: 'two\n' });
  assert.deepEqual(lines.sort(), ['one', 'two', 'un']);
});

test('a failure is told with the program and its last words', async () => {
  await assert.rejects(runProgram(['sh', '-c', 'echo first >&2; echo "last words" >&2; exit 1']), {
    message: 'sh failed: last words',
  });
  await assert.rejects(runProgram(['false']), { message: 'false failed: exit code 1' });
  assert.equal((await runProgram(['false'], { accept: 'any' })).code, 1);
});

test('a program that is not there, takes too long, writes too much or is cancelled', async () => {
  const missing = await runProgram(['no-such-program-anywhere']).catch((error: unknown) => error);
  assert.ok(isMissingProgram(missing));
  assert.match(String(missing), /'no-such-program-anywhere' is not installed/);
  // The grandchild keeps the pipe open: only ending the whole group ends the wait.
  await assert.rejects(runProgram(['sh', '-c', 'sleep 60 & wait'], { timeoutMs: 50 }), /sh did not end within 0 s/);
  await assert.rejects(runProgram(['sh', '-c', 'yes'], { maxBytes: 1000 }), /sh wrote more than 1000 bytes/);
  const cancel = new AbortController();
  const running = runProgram(['sleep', '60'], { signal: cancel.signal });
  cancel.abort();
  await assert.rejects(running, (error) => error instanceof GranaryError && error.code === 'aborted');
  await assert.rejects(runProgram(['true'], { signal: cancel.signal }), /true was not started/);
});
