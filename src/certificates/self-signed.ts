// Makes a self-signed X.509 certificate: the few DER forms it needs, signed by Node's crypto (RFC 5280).

import { generateKeyPair, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import { concatBytes } from '../base/bytes.ts';

export interface CertificateRequest {
  organization: string;
  organizationalUnit: string;
  commonName: string;
  /** DNS names and addresses. */
  alternativeNames: readonly string[];
  notBefore: Date;
  notAfter: Date;
  /** Bits of the RSA key. */
  bits: number;
}

/** A new RSA key and a certificate for it, both PEM; the key is generated off the main thread. */
export async function makeSelfSigned(request: CertificateRequest): Promise<{ certificate: string; key: string }> {
  const keys = await promisify(generateKeyPair)('rsa', { modulusLength: request.bits });
  const body = certificateBody(request, keys.publicKey);
  const der = sequence(body, signatureAlgorithm, bitString(sign('sha256', body, keys.privateKey)));
  const lines = Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g)!;
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function certificateBody(request: CertificateRequest, publicKey: KeyObject): Uint8Array {
  const name = sequence(
    attribute('2.5.4.10', request.organization),
    attribute('2.5.4.11', request.organizationalUnit),
    attribute('2.5.4.3', request.commonName),
  );
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  return sequence(
    element(0xa0, integer(Uint8Array.of(2))),
    integer(serial),
    signatureAlgorithm,
    name,
    sequence(time(request.notBefore), time(request.notAfter)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(basicConstraints, alternativeNames(request.alternativeNames))),
  );
}

function element(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const content = concatBytes(parts);
  const length = content.byteLength;
  const head =
    length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xff];
  return concatBytes([Uint8Array.from(head), content]);
}

const sequence = (...parts: Uint8Array[]): Uint8Array => element(0x30, ...parts);
const integer = (bytes: Uint8Array): Uint8Array => element(0x02, bytes);
const octets = (bytes: Uint8Array): Uint8Array => element(0x04, bytes);
const bitString = (bytes: Uint8Array): Uint8Array => element(0x03, Uint8Array.of(0), bytes);
const text = (value: string): Uint8Array => element(0x0c, Buffer.from(value));

function identifier(dotted: string): Uint8Array {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  const bytes = [first! * 40 + second!];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let more = arc >>> 7; more > 0; more >>>= 7) groups.unshift((more & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return element(0x06, Uint8Array.from(bytes));
}

function attribute(type: string, value: string): Uint8Array {
  return element(0x31, sequence(identifier(type), text(value)));
}

/** UTCTime up to 2049, GeneralizedTime from then on. */
function time(date: Date): Uint8Array {
  const digits = date.toISOString().replace(/[-T:]/g, '').slice(0, 14);
  return date.getUTCFullYear() < 2050
    ? element(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : element(0x18, Buffer.from(`${digits}Z`));
}

const signatureAlgorithm = sequence(identifier('1.2.840.113549.1.1.11'), element(0x05));
const basicConstraints = sequence(
  identifier('2.5.29.19'),
  element(0x01, Uint8Array.of(0xff)),
  octets(sequence(element(0x01, Uint8Array.of(0xff)))),
);

function alternativeNames(names: readonly string[]): Uint8Array {
  const encoded = names.map((name) => {
    const kind = isIP(name);
    if (kind === 4) return element(0x87, Uint8Array.from(name.split('.').map(Number)));
    if (kind === 6) return element(0x87, ipv6Bytes(name));
    return element(0x82, Buffer.from(name, 'latin1'));
  });
  return sequence(identifier('2.5.29.17'), octets(sequence(...encoded)));
}

function ipv6Bytes(address: string): Uint8Array {
  const [head, tail] = address.split('::');
  const groups = (part: string | undefined): number[] =>
    part === undefined || part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const front = groups(head);
  const back = groups(tail);
  const all = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
