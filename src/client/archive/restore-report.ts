// What a restore could not do, kept small however much it is: counted by kind with one example each, and the
// first errors by path (pxar.md 12: errors go to a handler that may continue).

import { GranaryError, isErrno, messageOf, withContext } from '../../base/errors.ts';
import { quotePath } from '../../base/quote.ts';

/** Kinds of things that are restored separately from a file's content. */
export type AspectKind =
  | 'ownership'
  | 'extended attributes'
  | 'capabilities'
  | 'access control lists'
  | 'project quota ids'
  | 'permissions'
  | 'modification times'
  | 'file flags'
  | 'device nodes'
  | 'fifos'
  | 'sockets';

/** Things of one kind that were not restored, with the first of them. */
export interface NotRestored {
  kind: AspectKind;
  count: number;
  /** Quoted path and reason of the first. */
  path: string;
  reason: string;
}

export interface PathError {
  /** Quoted. */
  path: string;
  text: string;
}

/** Conditions in which going on would only fail again. */
const hopeless = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM'];
const keptErrors = 20;

export class RestoreReport {
  readonly #strict: boolean;
  readonly #kinds = new Map<AspectKind, NotRestored>();
  readonly errors: PathError[] = [];
  errorCount = 0;

  /** `strict`: the first failure is thrown. */
  constructor(strict: boolean) {
    this.#strict = strict;
  }

  get notRestored(): NotRestored[] {
    return [...this.#kinds.values()];
  }

  /** Runs one step of restoring; a system error in it is noted, and true means that it went well. */
  attempt(kind: AspectKind, path: Uint8Array, step: () => void): boolean {
    try {
      step();
      return true;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.refuse(kind, path, error);
      return false;
    }
  }

  /** Notes that something of this kind was not restored; "not supported" is never fatal. */
  refuse(kind: AspectKind, path: Uint8Array, error: unknown): void {
    if (this.#strict && !isErrno(error, 'ENOTSUP', 'ENOSYS', 'ENOTTY')) throw withContext(quotePath(path), error);
    const known = this.#kinds.get(kind);
    if (known) known.count++;
    else this.#kinds.set(kind, { kind, count: 1, path: quotePath(path), reason: messageOf(error) });
  }

  /** Notes that an entry (for a directory: with everything below it) was not restored, or throws if going on is useless. */
  fail(path: Uint8Array, error: unknown): void {
    if (this.#strict || isErrno(error, ...hopeless)) throw withContext(quotePath(path), error);
    if (!isSystemError(error) && !isEntryError(error)) throw error;
    this.errorCount++;
    if (this.errors.length < keptErrors) this.errors.push({ path: quotePath(path), text: messageOf(error) });
  }
}

/** Errors of this room that concern one entry. */
function isEntryError(error: unknown): boolean {
  return error instanceof GranaryError && (error.code === 'not-found' || error.code === 'pxar-invalid');
}

function isSystemError(error: unknown): boolean {
  return (
    error instanceof Error &&
    typeof (error as NodeJS.ErrnoException).code === 'string' &&
    !(error instanceof GranaryError)
  );
}
