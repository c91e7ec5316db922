// The second factor of a login (access-control.md 9, rest-api.md 4.5): who has one, and that nobody who has one gets
// in without it. A failure is counted before the answer is looked at, under the lock of tfa.json, so that neither a
// crash nor another process gives a free attempt.

import { type Clock, epochSeconds } from '../base/clock.ts';
import { GranaryError, messageOf } from '../base/errors.ts';
import type { ConfigFile } from '../config/config-file.ts';
import { type TfaConfig, type TfaEntry, tfaEntryKinds, type UserTfa } from '../config/tfa-config.ts';
import type { AuthId } from '../model/auth-id.ts';
import { availableRecoveryKeys, findRecoveryKey } from './recovery-keys.ts';
import { type TfaStates, takeChallenge } from './tfa-state.ts';
import { readTotpEntry, usedTotpEntry, verifyTotp } from './totp.ts';
import { askForLogin, challengeOf, checkLogin } from './webauthn.ts';

export interface SecondFactor {
  /** What the user has to answer after the password, as the JSON of the partial ticket; undefined = nothing. */
  challenge(userId: AuthId): Promise<Record<string, unknown> | undefined>;
  /** Resolves when `response` answers `challenge`; throws with the reason otherwise. */
  verify(userId: AuthId, challenge: Record<string, unknown>, response: string): Promise<void>;
}

/** Wrong one-time codes in a row after which none is accepted any more. */
export const totpFailureLimit = 8;
/** Wrong answers in a row after which none is accepted for a while. */
export const tfaFailureLimit = 100;
/** Seconds. */
export const tfaLockTime = 3600;
/** Seconds that an answer to a login may take: the life of a partial ticket. */
const loginLifetime = 600;

type Kind = 'totp' | 'recovery' | 'webauthn';
const kinds: readonly string[] = ['totp', 'recovery', 'webauthn'] satisfies Kind[];

export class TfaLogin implements SecondFactor {
  readonly #file: ConfigFile<TfaConfig>;
  readonly #states: TfaStates;
  readonly #clock: Clock;

  constructor(file: ConfigFile<TfaConfig>, states: TfaStates, clock: Clock) {
    this.#file = file;
    this.#states = states;
    this.#clock = clock;
  }

  async challenge(userId: AuthId): Promise<Record<string, unknown> | undefined> {
    const { value: config } = this.#file.current();
    const user = config.users.get(userId);
    if (!user || !hasFactors(user)) return undefined;
    const now = epochSeconds(this.#clock);
    refuseLocked(user, now);
    const challenge: Record<string, unknown> = {};
    if (enabled(user.totp).length > 0 && !user.totpLocked) challenge['totp'] = true;
    const recovery = user.recovery === undefined ? [] : availableRecoveryKeys(user.recovery);
    if (recovery.length > 0) challenge['recovery'] = recovery;
    const webauthn = await askForLogin(config.webauthn, enabled(user.webauthn));
    if (webauthn !== undefined) {
      challenge['webauthn'] = webauthn;
      const open = { challenge: webauthn.publicKey.challenge, created: now };
      await this.#states.update(userId, (state) => void state.logins.push(open));
    }
    if (Object.keys(challenge).length === 0) throw failed('none of the second factors can be used');
    return challenge;
  }

  async verify(userId: AuthId, challenge: Record<string, unknown>, response: string): Promise<void> {
    const colon = response.indexOf(':');
    const kind = response.slice(0, colon);
    const answer = response.slice(colon + 1);
    if (!isKind(kind) || challenge[kind] === undefined) throw failed('not an answer to the second factor');
    let problem: string | undefined;
    await this.#file.update(async (config) => {
      const user = config.users.get(userId);
      if (!user) throw failed('the user has no second factor');
      refuseLocked(user, epochSeconds(this.#clock));
      if (kind === 'totp' && user.totpLocked) throw failed('one-time codes are locked');
      await this.#countFailure(userId, user, kind);
      problem = await this.#check(config, userId, user, kind, answer);
      if (problem === undefined) unlock(user, kind);
    });
    if (problem !== undefined) throw failed(problem);
    await this.#states.update(userId, (state) => {
      state['tfa-failures'] = 0;
      if (kind !== 'webauthn') state['totp-failures'] = 0;
    });
  }

  /** Counts the answer as wrong for the time being, and locks when it is one too many. The last lock has expired. */
  async #countFailure(userId: AuthId, user: UserTfa, kind: Kind): Promise<void> {
    const lockExpired = user.lockedUntil !== undefined;
    delete user.lockedUntil;
    const { totp, tfa } = await this.#states.update(userId, (state) => {
      if (lockExpired) state['tfa-failures'] = 0;
      if (kind === 'totp') state['totp-failures']++;
      state['tfa-failures']++;
      return { totp: state['totp-failures'], tfa: state['tfa-failures'] };
    });
    if (totp >= totpFailureLimit) user.totpLocked = true;
    if (tfa >= tfaFailureLimit) user.lockedUntil = epochSeconds(this.#clock) + tfaLockTime;
  }

  /** What is wrong with the answer; undefined when it is right, with what that changes already in `user`. */
  async #check(
    config: TfaConfig,
    userId: AuthId,
    user: UserTfa,
    kind: Kind,
    answer: string,
  ): Promise<string | undefined> {
    switch (kind) {
      case 'totp':
        return this.#useCode(enabled(user.totp), answer);
      case 'recovery':
        return useRecoveryKey(user, answer);
      case 'webauthn':
        return await this.#useSecurityKey(config, userId, enabled(user.webauthn), answer);
    }
  }

  #useCode(entries: readonly TfaEntry[], code: string): string | undefined {
    let problem: string | undefined = 'wrong one-time code';
    for (const entry of entries) {
      const totp = readTotpEntry(entry.entry);
      const step = totp && verifyTotp(totp, code, this.#clock.now());
      if (totp === undefined || step === undefined || problem === undefined) continue;
      entry.entry = usedTotpEntry(totp.uri, step);
      problem = undefined;
    }
    return problem;
  }

  async #useSecurityKey(
    config: TfaConfig,
    userId: AuthId,
    entries: readonly TfaEntry[],
    answer: string,
  ): Promise<string | undefined> {
    const challenge = challengeOf(answer) ?? '';
    const o = { now: epochSeconds(this.#clock), lifetime: loginLifetime };
    const open = await this.#states.update(userId, (state) => takeChallenge(state.logins, challenge, o));
    if (!open) return 'no open challenge for this answer of a security key';
    try {
      const { entry, updated } = await checkLogin(config.webauthn, entries, answer, open.challenge);
      entry.entry = updated;
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }
}

function useRecoveryKey(user: UserTfa, key: string): string | undefined {
  const index = user.recovery && findRecoveryKey(user.recovery, key);
  if (index === undefined) return 'wrong recovery key';
  user.recovery!.entries[index] = null;
  return undefined;
}

/** Takes back what counting the right answer as wrong has locked; a recovery key unlocks one-time codes. */
function unlock(user: UserTfa, kind: Kind): void {
  delete user.lockedUntil;
  if (kind !== 'webauthn') user.totpLocked = false;
}

function refuseLocked(user: UserTfa, now: number): void {
  if (user.lockedUntil !== undefined && user.lockedUntil > now) throw failed('the second factors are locked');
}

/** Whether a password is not enough: a factor that is enabled, be it one that this server cannot ask for. */
export function hasFactors(user: UserTfa): boolean {
  return user.recovery !== undefined || tfaEntryKinds.some((kind) => enabled(user[kind]).length > 0);
}

function enabled(entries: readonly TfaEntry[]): TfaEntry[] {
  return entries.filter((entry) => entry.enable !== false);
}

function isKind(kind: string): kind is Kind {
  return kinds.includes(kind);
}

function failed(reason: string): GranaryError {
  return new GranaryError('auth-failed', reason);
}
