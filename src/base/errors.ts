// One table of everything that can go wrong, and the one error class that carries it.
// docs/generated/errors.md is made from the table; a test fails when they differ.

interface ErrorKind {
  /** HTTP status that the REST API and the sessions answer with. */
  status: number;
  /** Exit code of the command line tools (255 is the field's general failure). */
  exit: number;
  /** Whether the same request may succeed when it is sent again unchanged. */
  retry: boolean;
  meaning: string;
}

/** Every error code of the product, with what it means outside the process. */
export const errorKinds = {
  'parameter-invalid': {
    status: 400,
    exit: 255,
    retry: false,
    meaning: 'a parameter is missing, unknown or of the wrong form',
  },
  'bad-request': { status: 400, exit: 255, retry: false, meaning: 'the request cannot be carried out as it was sent' },
  'auth-failed': { status: 401, exit: 255, retry: false, meaning: 'no, wrong or expired credentials' },
  'permission-denied': { status: 403, exit: 255, retry: false, meaning: 'the caller lacks a privilege' },
  'not-found': { status: 404, exit: 255, retry: false, meaning: 'the named object does not exist' },
  'already-exists': { status: 400, exit: 255, retry: false, meaning: 'an object of that name exists already' },
  'owner-mismatch': { status: 400, exit: 255, retry: false, meaning: 'the group belongs to somebody else' },
  protected: { status: 400, exit: 255, retry: false, meaning: 'the snapshot is protected from removal' },
  locked: { status: 400, exit: 255, retry: true, meaning: 'another operation holds the lock' },
  maintenance: { status: 400, exit: 255, retry: true, meaning: 'the datastore is in a maintenance mode' },
  'digest-mismatch': {
    status: 400,
    exit: 255,
    retry: false,
    meaning: 'content does not have the digest that it is named by',
  },
  'blob-invalid': {
    status: 400,
    exit: 255,
    retry: false,
    meaning: 'a data blob is damaged: magic, length, CRC, tag or compressed data',
  },
  'index-invalid': { status: 400, exit: 255, retry: false, meaning: 'a fixed or dynamic index is damaged' },
  'manifest-invalid': {
    status: 400,
    exit: 255,
    retry: false,
    meaning: 'a manifest is damaged or its signature is wrong',
  },
  'catalog-invalid': { status: 400, exit: 255, retry: false, meaning: 'a catalog is damaged' },
  'pxar-invalid': { status: 400, exit: 255, retry: false, meaning: 'a pxar archive is damaged' },
  'pattern-invalid': { status: 400, exit: 255, retry: false, meaning: 'an exclude or selection pattern is malformed' },
  'key-invalid': {
    status: 400,
    exit: 255,
    retry: false,
    meaning: 'a key file is malformed, or the passphrase is wrong',
  },
  'wrong-key': { status: 400, exit: 255, retry: false, meaning: 'the data was encrypted or signed with another key' },
  'chunk-missing': { status: 400, exit: 255, retry: false, meaning: 'a chunk that an index names is not in the store' },
  'config-invalid': { status: 400, exit: 255, retry: false, meaning: 'a configuration file cannot be parsed' },
  modified: {
    status: 400,
    exit: 255,
    retry: true,
    meaning: 'the configuration was changed by somebody else meanwhile',
  },
  protocol: { status: 400, exit: 255, retry: false, meaning: 'the other side broke the protocol' },
  certificate: {
    status: 400,
    exit: 255,
    retry: false,
    meaning: 'the server certificate is neither trusted nor pinned',
  },
  connection: { status: 400, exit: 255, retry: true, meaning: 'the connection failed or was lost' },
  io: { status: 400, exit: 255, retry: true, meaning: 'the operating system refused a file operation' },
  aborted: { status: 400, exit: 255, retry: true, meaning: 'the operation was cancelled' },
  'try-later': {
    status: 503,
    exit: 75,
    retry: true,
    meaning: 'it cannot be done now; a mail server keeps the mail and tries again',
  },
  usage: { status: 400, exit: 255, retry: false, meaning: 'a command line cannot be understood' },
  incomplete: {
    status: 400,
    exit: 2,
    retry: false,
    meaning: 'finished, but some things could not be done; each was reported',
  },
  internal: { status: 500, exit: 255, retry: false, meaning: 'a defect of this program' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

export interface ErrorOptions {
  cause?: unknown;
  /** Machine-readable facts: paths, digests, offsets, expected and actual values. */
  details?: Record<string, unknown>;
  /** Overrides the table's HTTP status where the protocol demands another. */
  status?: number;
  /** For `parameter-invalid`: text per parameter name. */
  parameters?: Record<string, string>;
}

/** The only error class that crosses a room's door. `message` is complete: it names the file, field or digest. */
export class GranaryError extends Error {
  override readonly name = 'GranaryError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly details: Record<string, unknown>;
  readonly parameters: Record<string, string> | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? errorKinds[code].status;
    this.details = options.details ?? {};
    this.parameters = options.parameters;
  }

  get exitCode(): number {
    return errorKinds[this.code].exit;
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True for a system error (`ENOENT`, `EEXIST`, ...) with one of these codes. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes((error as { code?: string }).code ?? '');
}

/** Puts `context: ` in front of an error's message and keeps its code, details and status. */
export function withContext(context: string, error: unknown): GranaryError {
  if (error instanceof GranaryError) {
    return new GranaryError(error.code, `${context}: ${error.message}`, {
      cause: error,
      details: error.details,
      status: error.status,
      parameters: error.parameters,
    });
  }
  return new GranaryError('io', `${context}: ${messageOf(error)}`, { cause: error });
}
