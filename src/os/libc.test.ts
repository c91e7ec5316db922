import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { isErrno } from '../base/errors.ts';
import { callOffThread, cString, lastErrno, native, systemError } from './libc.ts';

describe('libc', () => {
  it('calls functions, and knows the errno of a failed call', async () => {
    const getppid = native('int getppid()');
    assert.equal(getppid()(), process.ppid);
    const close = native('int close(int fd)');
    assert.equal(close()(-1), -1);
    assert.equal(lastErrno(), constants.errno.EBADF);
    assert.equal(await callOffThread(getppid()), process.ppid);
  });

  it('says what is missing, at the first call only', () => {
    const declared = native('int nothing()', { files: ['libgranary-absent.so.1'], missing: 'a library is missing' });
    assert.throws(declared, (error) => isErrno(error, 'ENOSYS') && /a library is missing/.test(String(error)));
  });

  it('names errors as node:fs does', () => {
    const error = systemError(constants.errno.ENODATA, 'getxattr user.x', Buffer.from('/a/b')) as NodeJS.ErrnoException;
    assert.equal(error.code, 'ENODATA');
    assert.equal(error.syscall, 'getxattr user.x');
    assert.equal(error.path, '/a/b');
    assert.match(error.message, /^ENODATA: .*, getxattr user\.x '\/a\/b'$/);
    assert.equal((systemError(95, 'x') as NodeJS.ErrnoException).code, 'ENOTSUP');
    assert.equal((systemError(constants.errno.EDQUOT, 'x') as NodeJS.ErrnoException).code, 'EDQUOT');
    assert.match(systemError(3999, 'x', 7).message, /^E3999: system error, x \(fd 7\)$/);
  });

  it('refuses paths that C would cut short', () => {
    assert.deepEqual(Buffer.from(cString('ab')), Buffer.from('ab\0'));
    assert.throws(() => cString('a\0b'), { code: 'EINVAL' });
    assert.throws(() => cString('x'.repeat(9000)), { code: 'ENAMETOOLONG' });
  });
});
