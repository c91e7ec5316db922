import assert from 'node:assert/strict';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openAt, workingDirectory } from './at.ts';
import { widenPipe } from './pipe-size.ts';
import { makeNodeAt } from './special-files.ts';

test('a pipe takes a mebibyte at once', () => {
  const directory = mkdtempSync(join(tmpdir(), 'granary-pipe-'));
  const fd = openAt(workingDirectory, Buffer.from(directory), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    makeNodeAt(fd, Buffer.from('pipe'), constants.S_IFIFO | 0o600, 0, 0);
    const pipe = openSync(join(directory, 'pipe'), constants.O_RDWR | constants.O_NONBLOCK);
    try {
      // A user with very many pipes open is refused; everything works with the small buffer too.
      const expected = widenPipe(pipe) ? 1024 * 1024 : 64 * 1024;
      assert.equal(writeSync(pipe, Buffer.alloc(2 * 1024 * 1024)), expected);
    } finally {
      closeSync(pipe);
    }
    assert.equal(widenPipe(fd), false, 'a directory is no pipe');
  } finally {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  }
});
