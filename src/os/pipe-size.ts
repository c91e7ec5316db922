// The kernel's buffer of a pipe. By default it has 64 KiB, which makes writer and reader wait for each other tens of
// thousands of times a gigabyte.

import { native } from './libc.ts';

const fcntl = native('int fcntl(int fd, int command, long argument)');
const F_SETPIPE_SZ = 1031;
/** Most that the kernel allows everybody. */
const widest = 1024 * 1024;

/** Gives the pipe that is open as `fd` a buffer of 1 MiB; false if that is refused, or `fd` is no pipe. */
export function widenPipe(fd: number): boolean {
  return (fcntl()(fd, F_SETPIPE_SZ, widest) as number) >= widest;
}
