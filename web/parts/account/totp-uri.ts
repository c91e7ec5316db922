// The secret of a new authenticator app, and the URI that tells it to one (RFC 4648, RFC 6238).

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** 160 random bits in base32. */
export function newTotpSecret(): string {
  return base32(crypto.getRandomValues(new Uint8Array(20)));
}

/** Without padding, as the URIs have it. */
export function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let count = 0;
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    for (count += 8; count >= 5; count -= 5) text += alphabet[(bits >> (count - 5)) & 31];
    bits &= 31;
  }
  return count > 0 ? text + alphabet[(bits << (5 - count)) & 31] : text;
}

/** A colon separates issuer and account, so neither keeps one of its own. */
export function totpUri(secret: string, o: { issuer: string; account: string }): string {
  const [issuer, account] = [o.issuer, o.account].map((part) => encodeURIComponent(part.replaceAll(':', '.')));
  const facts = `secret=${secret}&issuer=${issuer}&digits=6&period=30&algorithm=SHA1`;
  return `otpauth://totp/${issuer}:${account}?${facts}`;
}
