// The two ceremonies with a security key: registering it, and proving at a login that one has it (access-control.md 9;
// W3C Web Authentication). The library is large and loaded when the first key is used.

import { createHash } from 'node:crypto';
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { GranaryError, messageOf } from '../base/errors.ts';
import { isObject } from '../config/json-file.ts';
import type { TfaEntry } from '../config/tfa-config.ts';
import type { WebauthnConfig } from '../config/webauthn-schema.ts';
import type { AuthId } from '../model/auth-id.ts';
import { credentialId, readCredential, storableAlgorithms, writeCredential } from './webauthn-credential.ts';

const timeoutMs = 60_000;

/** What a browser is asked with: the argument of `navigator.credentials.create` or `.get`, bytes as base64url. */
export interface WebauthnQuestion {
  publicKey: { challenge: string; [member: string]: unknown };
}

/** What has to be set before keys can be used. */
type Party = WebauthnConfig & { rp: string; id: string };

/** Throws `bad-request` unless name and id of the relying party are configured. */
export function relyingParty(config: WebauthnConfig | undefined): Party {
  const { rp, id } = config ?? {};
  if (rp === undefined || id === undefined) {
    throw new GranaryError('bad-request', 'no webauthn configuration: rp and id have to be set first');
  }
  return { ...config, rp, id };
}

/** Asks for a new key; those that the user has already are excluded. */
export async function askForRegistration(
  party: Party,
  userId: AuthId,
  present: readonly TfaEntry[],
): Promise<WebauthnQuestion> {
  const { generateRegistrationOptions } = await import('@simplewebauthn/server');
  const publicKey = await generateRegistrationOptions({
    rpName: party.rp,
    rpID: party.id,
    userName: userId,
    userDisplayName: userId,
    // At most 64 bytes, and nothing that says who it is.
    userID: Uint8Array.from(createHash('sha256').update(userId).digest()),
    timeout: timeoutMs,
    attestationType: 'none',
    excludeCredentials: credentialIds(present).map((id) => ({ id })),
    authenticatorSelection: { userVerification: 'discouraged', residentKey: 'discouraged' },
    supportedAlgorithmIDs: storableAlgorithms,
  });
  return { publicKey: { ...publicKey } };
}

/** Checks the answer to a registration and returns the secret part of the entry. Throws `bad-request`. */
export async function checkRegistration(party: Party, answer: string, challenge: string): Promise<unknown> {
  try {
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
    const helpers = await import('@simplewebauthn/server/helpers');
    const response = parseRegistration(answer);
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: acceptedOrigin(party, clientData(response.response.clientDataJSON).origin),
      expectedRPID: party.id,
      requireUserVerification: false,
      supportedAlgorithmIDs: storableAlgorithms,
    });
    if (!verified) throw new Error('the attestation is wrong');
    const { credential, userVerified } = registrationInfo;
    const entry = writeCredential({ ...credential, userVerified }, helpers);
    if (!entry) throw new Error('the key is of a kind that is not supported');
    return entry;
  } catch (error) {
    throw new GranaryError('bad-request', `webauthn registration failed: ${messageOf(error)}`, { cause: error });
  }
}

/** Asks for a proof with one of the keys; undefined when there is none that can be used. */
export async function askForLogin(
  config: WebauthnConfig | undefined,
  entries: readonly TfaEntry[],
): Promise<WebauthnQuestion | undefined> {
  if (entries.length === 0 || config?.id === undefined) return undefined;
  const helpers = await import('@simplewebauthn/server/helpers');
  const keys = entries.map((entry) => readCredential(entry.entry, helpers)).filter((key) => key !== undefined);
  if (keys.length === 0) return undefined;
  const { generateAuthenticationOptions } = await import('@simplewebauthn/server');
  const publicKey = await generateAuthenticationOptions({
    rpID: config.id,
    timeout: timeoutMs,
    userVerification: keys.some((key) => key.verifiesUser) ? 'preferred' : 'discouraged',
    allowCredentials: keys.map(({ id }) => ({ id })),
  });
  return { publicKey: { ...publicKey } };
}

/** The challenge that an answer says it is for; undefined for anything that is no answer. */
export function challengeOf(answer: string): string | undefined {
  try {
    const { response } = parseAnswer(answer);
    return isObject(response) ? clientData(response['clientDataJSON']).challenge : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Checks the answer to a login. Returns the entry whose key it was made with, and its secret part as it is from now
 * on, with the new counter. Throws an error that says why for the log.
 */
export async function checkLogin(
  config: WebauthnConfig | undefined,
  entries: readonly TfaEntry[],
  answer: string,
  challenge: string,
): Promise<{ entry: TfaEntry; updated: unknown }> {
  const party = relyingParty(config);
  const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
  const helpers = await import('@simplewebauthn/server/helpers');
  const response = parseLogin(answer);
  const entry = entries.find((one) => credentialId(one.entry) === response.rawId);
  const credential = entry && readCredential(entry.entry, helpers);
  if (!entry || !credential) throw new GranaryError('auth-failed', 'unknown security key');
  const { verified, authenticationInfo } = await verifyAuthenticationResponse({
    response,
    expectedChallenge: challenge,
    expectedOrigin: acceptedOrigin(party, clientData(response.response.clientDataJSON).origin),
    expectedRPID: party.id,
    requireUserVerification: credential.verifiesUser,
    credential,
  });
  if (!verified) throw new GranaryError('auth-failed', 'wrong signature of the security key');
  return { entry, updated: { ...(entry.entry as object), counter: authenticationInfo.newCounter } };
}

/** Ids of keys in base64url. */
export function credentialIds(entries: readonly TfaEntry[]): string[] {
  return entries.map((entry) => credentialId(entry.entry)).filter((id) => id !== undefined);
}

function parseAnswer(answer: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(answer);
  } catch {
    value = undefined;
  }
  if (!isObject(value)) throw new GranaryError('bad-request', 'the answer is not a JSON object');
  return value;
}

/** What a key answered when it was registered, without what is not looked at. */
function parseRegistration(answer: string): RegistrationResponseJSON {
  const { response, ...key } = parseKeyAnswer(answer);
  const clientDataJSON = textOf(response, 'clientDataJSON');
  return { ...key, response: { clientDataJSON, attestationObject: textOf(response, 'attestationObject') } };
}

/** What a key answered at a login, without what is not looked at. */
function parseLogin(answer: string): AuthenticationResponseJSON {
  const { response, ...key } = parseKeyAnswer(answer);
  const clientDataJSON = textOf(response, 'clientDataJSON');
  const authenticatorData = textOf(response, 'authenticatorData');
  return { ...key, response: { clientDataJSON, authenticatorData, signature: textOf(response, 'signature') } };
}

/** What both kinds of answers have. */
function parseKeyAnswer(answer: string) {
  const value = parseAnswer(answer);
  const { type, response } = value;
  if (type !== 'public-key' || !isObject(response)) {
    throw new GranaryError('bad-request', 'the answer is not that of a security key');
  }
  const [id, rawId] = [textOf(value, 'id'), textOf(value, 'rawId')];
  return { id, rawId, type, response, clientExtensionResults: {} } as const;
}

function textOf(value: Record<string, unknown>, name: string): string {
  const text = value[name];
  if (typeof text !== 'string') throw new GranaryError('bad-request', `the answer has no ${name}`);
  return text;
}

function clientData(encoded: unknown): { origin: string; challenge: string } {
  const text = Buffer.from(typeof encoded === 'string' ? encoded : '', 'base64url').toString();
  const { origin, challenge } = parseAnswer(text);
  if (typeof origin !== 'string' || typeof challenge !== 'string') {
    throw new GranaryError('bad-request', 'the answer has no origin or no challenge');
  }
  return { origin, challenge };
}

/**
 * The origin of the answer if it is the configured one, or one of its subdomains where those are allowed; without a
 * configured origin it is that of the relying party's id, on any port. Throws `bad-request` otherwise.
 */
function acceptedOrigin(party: Party, origin: string): string {
  const given = URL.parse(origin);
  const wanted = URL.parse(party.origin ?? `https://${party.id}`);
  const isSubdomain = party['allow-subdomains'] !== false && given?.hostname.endsWith(`.${wanted?.hostname}`) === true;
  const accepted =
    given !== null &&
    wanted !== null &&
    given.origin === origin &&
    given.protocol === wanted.protocol &&
    (party.origin === undefined || given.port === wanted.port) &&
    (given.hostname === wanted.hostname || isSubdomain);
  if (!accepted) throw new GranaryError('bad-request', `the answer comes from '${origin}'`);
  return origin;
}
