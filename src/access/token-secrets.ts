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

const rememberedMs = 10 * 60 * 1000;
const rememberedTokens = 10_000;

interface Remembered {
  /** HMAC of the secret under a key of this process. */
  mac: Buffer;
  /** The hash it was checked against, or the file's stamp where that cannot be read: another one ends it. */
  against: string;
  until: number;
}

/** Whether a secret is the token's. */
export type TokenCheck = (tokenId: AuthId, secret: string) => Promise<boolean>;

export class TokenSecrets {
  readonly #file: ConfigFile<Secrets>;
  readonly #clock: Clock;
  readonly #elsewhere: TokenCheck | undefined;
  readonly #macKey = randomBytes(32);
  readonly #remembered = new Map<AuthId, Remembered>();

  /** With `elsewhere`, whether a secret is right is asked there: this process may not read the hashes. */
  constructor(directories: Directories, clock: Clock, elsewhere?: TokenCheck) {
    this.#file = secretFile(join(directories.config, 'token.shadow'));
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
    const valid = await (this.#elsewhere?.(tokenId, secret) ?? verifySecret(secret, hash));
    if (!valid || against === undefined) return false;
    if (this.#remembered.size >= rememberedTokens) this.#remembered.clear();
    this.#remembered.set(tokenId, { mac, against, until: now + rememberedMs });
    return true;
  }

  /** Gives the token a new secret and returns it; there is no way to read it again. */
  async generate(tokenId: AuthId): Promise<string> {
    const secret = randomUUID();
    const hash = await hashSecret(secret);
    await this.#file.update((secrets) => void secrets.set(tokenId, hash));
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
    if (![...this.#file.current().value.keys()].some(matches)) return;
    await this.#file.update((secrets) => {
      for (const id of secrets.keys()) if (matches(id)) secrets.delete(id);
    });
  }
}
