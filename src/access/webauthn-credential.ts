// The stored form of a security key in tfa.json, which is that of the field's servers, and the COSE key that its
// signatures are checked with (README.md of this room, access-control.md 9; RFC 9053).

import { isObject } from '../config/json-file.ts';

/** A key as it is needed to check an answer. */
export interface WebauthnCredential {
  /** base64url. */
  id: string;
  /** CBOR of a COSE key. */
  publicKey: Uint8Array<ArrayBuffer>;
  /** Signatures so far, as the authenticator counts them. */
  counter: number;
  /** Whether the authenticator has to check who holds it (PIN, finger). */
  verifiesUser: boolean;
}

type Helpers = typeof import('@simplewebauthn/server/helpers');
type Bytes = Uint8Array<ArrayBuffer>;

/** Labels and values of COSE keys. */
const label = { type: 1, algorithm: 3, curve: -1, x: -2, y: -3, n: -1, e: -2 };
const es256 = -7;
const rs256 = -257;

/** COSE numbers of the signature algorithms that have a stored form. */
export const storableAlgorithms = [es256, rs256];

/** Reads an entry; undefined for one that is no key this server can check. */
export function readCredential(entry: unknown, helpers: Helpers): WebauthnCredential | undefined {
  if (!isObject(entry)) return undefined;
  const id = readBytes(entry['cred_id']);
  const publicKey = isObject(entry['cred']) ? readKey(entry['cred'], helpers) : undefined;
  const { counter } = entry;
  if (!id || !publicKey || typeof counter !== 'number') return undefined;
  return {
    id: Buffer.from(id).toString('base64url'),
    publicKey,
    counter,
    verifiesUser: entry['verified'] === true && entry['registration_policy'] === 'required',
  };
}

/** The id of an entry in base64url; undefined when it has none. */
export function credentialId(entry: unknown): string | undefined {
  const id = isObject(entry) ? readBytes(entry['cred_id']) : undefined;
  return id && Buffer.from(id).toString('base64url');
}

/** The entry for a new key; undefined when its algorithm has no stored form. */
export function writeCredential(
  key: { id: string; publicKey: Bytes; counter: number; userVerified: boolean },
  helpers: Helpers,
): Record<string, unknown> | undefined {
  const cred = writeKey(key.publicKey, helpers);
  if (!cred) return undefined;
  return {
    cred_id: key.id,
    cred,
    counter: key.counter,
    verified: key.userVerified,
    registration_policy: 'discouraged',
  };
}

function readKey(cred: Record<string, unknown>, { isoCBOR }: Helpers): Bytes | undefined {
  const { type_: type, key } = cred;
  if (!isObject(key)) return undefined;
  const [ec, rsa] = [key['EC_EC2'], key['RSA']];
  if (type === 'ES256' && isObject(ec) && ec['curve'] === 'SECP256R1') {
    const [x, y] = [readBytes(ec['x'], 32), readBytes(ec['y'], 32)];
    if (!x || !y) return undefined;
    const pairs: [number, number | Bytes][] = [
      [label.type, 2],
      [label.algorithm, es256],
      [label.curve, 1],
      [label.x, x],
      [label.y, y],
    ];
    return isoCBOR.encode(new Map(pairs));
  }
  if (type === 'RS256' && isObject(rsa)) {
    const [n, e] = [readBytes(rsa['n']), readBytes(rsa['e'])];
    if (!n || !e) return undefined;
    const pairs: [number, number | Bytes][] = [
      [label.type, 3],
      [label.algorithm, rs256],
      [label.n, n],
      [label.e, e],
    ];
    return isoCBOR.encode(new Map(pairs));
  }
  return undefined;
}

function writeKey(publicKey: Bytes, { isoCBOR }: Helpers): Record<string, unknown> | undefined {
  const key = isoCBOR.decodeFirst<Map<number, unknown>>(publicKey);
  const bytes = (name: number): number[] | undefined => {
    const value = key.get(name);
    return value instanceof Uint8Array ? [...value] : undefined;
  };
  if (key.get(label.algorithm) === es256 && key.get(label.curve) === 1) {
    const [x, y] = [bytes(label.x), bytes(label.y)];
    return x && y && { type_: 'ES256', key: { EC_EC2: { curve: 'SECP256R1', x, y } } };
  }
  if (key.get(label.algorithm) === rs256) {
    const [n, e] = [bytes(label.n), bytes(label.e)];
    return n && e && { type_: 'RS256', key: { RSA: { n, e } } };
  }
  return undefined;
}

/** Bytes are lists of numbers or base64url, as the version of the server that wrote them had it. */
function readBytes(value: unknown, length?: number): Bytes | undefined {
  let bytes: Bytes;
  if (typeof value === 'string' && /^[A-Za-z0-9_-]+=*$/.test(value)) {
    bytes = Uint8Array.from(Buffer.from(value, 'base64url'));
  } else if (Array.isArray(value) && value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256)) {
    bytes = Uint8Array.from(value as number[]);
  } else {
    return undefined;
  }
  return bytes.byteLength > 0 && (length === undefined || bytes.byteLength === length) ? bytes : undefined;
}
