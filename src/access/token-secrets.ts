// The secrets of API tokens: random, shown once, kept as slow hashes; checks that succeeded are remembered for a
// while, because every request of a client makes one (access-control.md 8).

import { createHmac, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { ConfigFile } from '../config/config-file.ts';
import type { Directories } from '../config/directories.ts';
import { type Secrets, secretFile } from '../config/secret-file.ts';
import { type AuthId, isToken, userOf } from '../model/auth-id.ts';
import { hashSecret, verifySecret } from './password-hashing.ts';
import { TokenIndex } from './token-index.ts';

const rememberedMs = 10 * 60 * 1000;
const rememberedTokens = 10_000;
/** So many tokens that the index does not know, from before there was one, are tried. */
const triedTokens = 64;

interface Remembered {
  /** HMAC of the secret under a key of this process. */
  mac: Buffer;
  /** The hash it was checked against, or the file's stamp where that cannot be read: another one ends it. */
  against: string;
  until: number;
}

/** Another process that may read the hashes. */
export interface TokenCheck {
  /** Whether a secret is the token's. */
  checkToken(tokenId: AuthId, secret: string): Promise<boolean>;
  /** The active token whose secret this is. */
  findToken(secret: string): Promise<AuthId | undefined>;
}

export class TokenSecrets {
  readonly #file: ConfigFile<Secrets>;
  readonly #index: TokenIndex;
  readonly #clock: Clock;
  readonly #elsewhere: TokenCheck | undefined;
  readonly #macKey = randomBytes(32);
  readonly #remembered = new Map<AuthId, Remembered>();

  /** With `elsewhere`, whether a secret is right is asked there: this process may not read the hashes. */
  constructor(directories: Directories, clock: Clock, elsewhere?: TokenCheck) {
    this.#file = secretFile(join(directories.config, 'token.shadow'));
    this.#index = new TokenIndex(directories);
    this.#clock = clock;
    this.#elsewhere = elsewhere;
  }

  /** Whether it is the token's secret; an unknown token takes as long as a wrong secret. */
  async verify(tokenId: AuthId, secret: string): Promise<boolean> {
    const hash = this.#elsewhere === undefined ? this.#file.current().value.get(tokenId) : undefined;
    const against = this.#elsewhere === undefined ? hash : this.#file.stamp();
    const mac = createHmac('sha256', this.#macKey).update(secret).digest();
    const known = this.#remembered.get(tokenId);
    const now = this.#clock.now();
    if (known && known.against === against && now < known.until && timingSafeEqual(known.mac, mac)) return true;
    const valid = await (this.#elsewhere?.checkToken(tokenId, secret) ?? verifySecret(secret, hash));
    if (!valid || against === undefined) return false;
    if (this.#remembered.size >= rememberedTokens) this.#remembered.clear();
    this.#remembered.set(tokenId, { mac, against, until: now + rememberedMs });
    return true;
  }

  /**
   * The token whose secret this is, undefined if it is none's. A token from before the index existed is found by
   * trying, once; only those that `isActive` says are tried.
   */
  async find(secret: string, isActive: (tokenId: AuthId) => boolean): Promise<AuthId | undefined> {
    const mac = createHmac('sha256', this.#macKey).update(secret).digest();
    for (const [tokenId, known] of this.#remembered) {
      if (timingSafeEqual(known.mac, mac)) return (await this.verify(tokenId, secret)) ? tokenId : undefined;
    }
    if (this.#elsewhere !== undefined) {
      const tokenId = await this.#elsewhere.findToken(secret);
      return tokenId !== undefined && (await this.verify(tokenId, secret)) ? tokenId : undefined;
    }
    const indexed = this.#index.find(secret);
    if (indexed !== undefined) return (await this.verify(indexed, secret)) ? indexed : undefined;
    const others = [...this.#file.current().value.keys()].filter((id) => !this.#index.has(id) && isActive(id));
    for (const tokenId of others.slice(0, triedTokens)) {
      if (!(await this.verify(tokenId, secret))) continue;
      await this.#index.put(tokenId, secret);
      return tokenId;
    }
    return undefined;
  }

  /** Gives the token a new secret and returns it; there is no way to read it again. */
  async generate(tokenId: AuthId): Promise<string> {
    const secret = randomUUID();
    const hash = await hashSecret(secret);
    await this.#file.update((secrets) => void secrets.set(tokenId, hash));
    await this.#index.put(tokenId, secret);
    return secret;
  }

  async remove(tokenId: AuthId): Promise<void> {
    await this.#removeWhere((id) => id === tokenId);
  }

  async removeOfUser(userId: AuthId): Promise<void> {
    await this.#removeWhere((id) => isToken(id) && userOf(id) === userId);
  }

  async #removeWhere(matches: (tokenId: AuthId) => boolean): Promise<void> {
    for (const id of this.#remembered.keys()) if (matches(id)) this.#remembered.delete(id);
    await this.#index.removeWhere(matches);
    if (![...this.#file.current().value.keys()].some(matches)) return;
    await this.#file.update((secrets) => {
      for (const id of secrets.keys()) if (matches(id)) secrets.delete(id);
    });
  }
}
