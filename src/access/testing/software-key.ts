// A security key in software, for tests: it answers questions as an authenticator behind a browser would, and lies
// where it is told to.

import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isoCBOR } from '@simplewebauthn/server/helpers';

type CborValue = Parameters<typeof isoCBOR.encode>[0];

/** What the browser and the key would say of an answer. */
export interface KeyFacts {
  origin: string;
  rpId: string;
  userVerified?: boolean;
  /** Present unless false. */
  userPresent?: boolean;
}

export class SoftwareKey {
  readonly id = randomBytes(16).toString('base64url');
  /** Signatures so far; a key without a counter keeps it at 0. */
  counter = 0;
  readonly #private: KeyObject;
  readonly #cose: Uint8Array;

  constructor(algorithm: 'ES256' | 'RS256' = 'ES256') {
    const pair =
      algorithm === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#private = pair.privateKey;
    const jwk = pair.publicKey.export({ format: 'jwk' });
    const bytes = (text: string | undefined): Uint8Array<ArrayBuffer> =>
      Uint8Array.from(Buffer.from(text ?? '', 'base64url'));
    const pairs: [number, CborValue][] =
      algorithm === 'ES256'
        ? [
            [1, 2],
            [3, -7],
            [-1, 1],
            [-2, bytes(jwk.x)],
            [-3, bytes(jwk.y)],
          ]
        : [
            [1, 3],
            [3, -257],
            [-1, bytes(jwk.n)],
            [-2, bytes(jwk.e)],
          ];
    this.#cose = isoCBOR.encode(new Map(pairs));
  }

  /** The answer to a registration, as JSON text. */
  register(challenge: string, facts: KeyFacts): string {
    const id = Buffer.from(this.id, 'base64url');
    const length = Buffer.alloc(2);
    length.writeUInt16BE(id.byteLength);
    const authData = Buffer.concat([this.#authData(facts, 0x40), Buffer.alloc(16), length, id, this.#cose]);
    const attestation = new Map<string, CborValue>([
      ['fmt', 'none'],
      ['attStmt', new Map()],
      ['authData', Uint8Array.from(authData)],
    ]);
    return this.#answer({
      clientDataJSON: clientData('webauthn.create', challenge, facts.origin).toString('base64url'),
      attestationObject: Buffer.from(isoCBOR.encode(attestation)).toString('base64url'),
    });
  }

  /** The answer to a login, as JSON text. */
  prove(challenge: string, facts: KeyFacts): string {
    const authData = this.#authData(facts, 0);
    const client = clientData('webauthn.get', challenge, facts.origin);
    const signed = Buffer.concat([authData, createHash('sha256').update(client).digest()]);
    return this.#answer({
      clientDataJSON: client.toString('base64url'),
      authenticatorData: authData.toString('base64url'),
      signature: sign('sha256', signed, this.#private).toString('base64url'),
    });
  }

  #answer(response: Record<string, string>): string {
    return JSON.stringify({ id: this.id, rawId: this.id, type: 'public-key', response });
  }

  #authData({ rpId, userVerified, userPresent }: KeyFacts, flags: number): Buffer {
    const bits = flags | (userPresent === false ? 0 : 1) | (userVerified ? 4 : 0);
    const head = Buffer.alloc(5);
    head.writeUInt8(bits, 0);
    head.writeUInt32BE(this.counter, 1);
    return Buffer.concat([createHash('sha256').update(rpId).digest(), head]);
  }
}

function clientData(type: string, challenge: string, origin: string): Buffer {
  return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }));
}
