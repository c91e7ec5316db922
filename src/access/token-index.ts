// Which token a secret belongs to, for callers that send a secret and no name (rest-api.md 10 G1): a keyed hash of each
// secret, noted when the secret is made. The secrets are random and long, so a fast hash gives nothing away; whoever is
// found here still has to pass the check against token.shadow.

import { createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { GranaryError } from '../base/errors.ts';
import { ConfigFile } from '../config/config-file.ts';
import type { Directories } from '../config/directories.ts';
import { isObject, parseJsonFile } from '../config/json-file.ts';
import type { AuthId } from '../model/auth-id.ts';

interface Index {
  key: Buffer;
  /** By token. */
  hashes: Map<AuthId, string>;
}

export class TokenIndex {
  readonly #file: ConfigFile<Index>;

  constructor(directories: Directories) {
    this.#file = new ConfigFile<Index>({
      path: join(directories.config, 'token.index'),
      mode: 0o600,
      parse,
      serialize: ({ key, hashes }) =>
        JSON.stringify({ key: key.toString('base64'), tokens: Object.fromEntries([...hashes].sort()) }, undefined, 2),
    });
  }

  /** The token whose secret this seems to be. */
  find(secret: string): AuthId | undefined {
    const { key, hashes } = this.#file.current().value;
    const wanted = hash(key, secret);
    for (const [tokenId, known] of hashes) if (known === wanted) return tokenId;
    return undefined;
  }

  /** Tokens that are noted here. */
  has(tokenId: AuthId): boolean {
    return this.#file.current().value.hashes.has(tokenId);
  }

  async put(tokenId: AuthId, secret: string): Promise<void> {
    await this.#file.update((index) => void index.hashes.set(tokenId, hash(index.key, secret)));
  }

  async removeWhere(matches: (tokenId: AuthId) => boolean): Promise<void> {
    if (![...this.#file.current().value.hashes.keys()].some(matches)) return;
    await this.#file.update(({ hashes }) => {
      for (const id of hashes.keys()) if (matches(id)) hashes.delete(id);
    });
  }
}

function hash(key: Buffer, secret: string): string {
  return createHmac('sha256', key).update(secret).digest('hex');
}

/** A file that is missing or without a key is an empty index with a new key. */
function parse(text: string, path: string): Index {
  const value = parseJsonFile(text, path);
  if (!isObject(value)) throw new GranaryError('config-invalid', `parsing "${path}" failed: not an object`);
  const { key, tokens } = value;
  if (typeof key !== 'string') return { key: randomBytes(32), hashes: new Map() };
  const hashes = new Map<AuthId, string>();
  for (const [id, known] of Object.entries(isObject(tokens) ? tokens : {})) {
    if (typeof known === 'string') hashes.set(id, known);
  }
  return { key: Buffer.from(key, 'base64'), hashes };
}
