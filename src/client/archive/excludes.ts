// Which entries the walk leaves out: the command line's patterns, and those of the `.pxarexclude` files of the
// directories that it is in (pxar.md 11.1, 11.2).

import { closeSync, constants, readSync } from 'node:fs';
import { constants as system } from 'node:os';
import { messageOf } from '../../base/errors.ts';
import { statOf } from '../../os/at.ts';
import { systemError } from '../../os/libc.ts';
import { type Pattern, PatternList, parseExcludeFile } from '../../pxar/patterns.ts';
import { openQuietlyOrErrno } from './open-entry.ts';

const fileName = Buffer.from('.pxarexclude');
/** An exclude file that is longer than this is taken for a mistake. */
const maxFileSize = 1024 * 1024;

export class Excludes {
  readonly #list: PatternList;
  readonly #warn: (path: Uint8Array, text: string) => void;

  constructor(commandLine: readonly Pattern[], warn: (path: Uint8Array, text: string) => void) {
    this.#list = new PatternList(commandLine);
    this.#warn = warn;
  }

  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  /** `path` begins with `/`, the archive root. */
  excluded(path: Uint8Array, isDirectory: boolean): boolean {
    return this.#list.match(path, isDirectory) === 'exclude';
  }

  /** What to `leave` to later. */
  mark(): number {
    return this.#list.length;
  }

  /** Adds the patterns of the directory's own file; `base` is its path with a slash at both ends. */
  enter(directory: number, base: Uint8Array): void {
    const path = Buffer.concat([base.subarray(1), fileName]);
    let content: Uint8Array | undefined;
    try {
      content = readExcludeFile(directory);
    } catch (error) {
      this.#warn(path, `exclude patterns not used: ${messageOf(error)}`);
    }
    if (content === undefined) return;
    const { patterns, problems } = parseExcludeFile(content, base.subarray(1, -1));
    for (const { line, message } of problems) this.#warn(path, `line ${line}: ${message}`);
    this.#list.push(...patterns);
  }

  leave(mark: number): void {
    this.#list.truncate(mark);
  }
}

function readExcludeFile(directory: number): Uint8Array | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY, S_IFMT, S_IFREG } = constants;
  const fd = openQuietlyOrErrno(directory, fileName, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (fd === -system.errno.ENOENT) return undefined;
  if (fd < 0) throw systemError(-fd, 'open', fileName);
  try {
    const { mode, size } = statOf(fd);
    if ((mode & S_IFMT) !== S_IFREG) throw new Error('not a regular file');
    if (size > maxFileSize) throw new Error(`larger than ${maxFileSize} bytes`);
    const content = Buffer.alloc(size);
    let length = 0;
    while (length < size) {
      const n = readSync(fd, content, length, size - length, null);
      if (n === 0) break;
      length += n;
    }
    return content.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}
