// Becoming another program under the same pid, so that whoever watches the pid notices nothing: execve(2). The
// children of this process stay its children, but the new program's Node does not know them: it has to reap them.

import { cString, lastError, native } from './libc.ts';
import { setInherited } from './sockets.ts';

const execve = native('int execve(const void *file, const char **words, const char **environment)');
const waitpid = native('int waitpid(int pid, void *status, int options)');
const WNOHANG = 1;

/**
 * Replaces this process's program. The standard streams and descriptors marked with `setInherited` stay open. Returns only by throwing the
 * system error for which it could not be done; nothing has changed then.
 */
export function replaceProcess(
  file: string,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): never {
  const pairs = Object.entries(environment).filter(([, value]) => value !== undefined);
  const variables = pairs.map(([name, value]) => `${name}=${value}`);
  // Node keeps its children's streams apart from its own by closing these on exec.
  for (const fd of [0, 1, 2]) setInherited(fd, true);
  execve()(cString(file), [file, ...words, null], [...variables, null]);
  throw lastError('execve', file);
}

/** Whether a child that Node did not start has ended; its entry in the process table is given up then. */
export function reap(pid: number): boolean {
  // Not a child any more, or never one: nothing is left of it.
  return Number(waitpid()(pid, null, WNOHANG)) !== 0;
}
