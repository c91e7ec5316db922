// The partial ticket that asks for a second factor (rest-api.md 4.5).

/** What the user can answer with. */
export interface Challenge {
  user: string;
  /** Sent back with the answer. */
  ticket: string;
  totp?: true;
  /** Numbers of the recovery keys that are left. */
  recovery?: number[];
  webauthn?: WebauthnQuestion;
}

/** As the WebAuthn API's JSON form of a request. */
export interface WebauthnQuestion {
  challenge: string;
  [member: string]: unknown;
}

/** Reads what a ticket asks for; undefined when it is a whole one. */
export function readChallenge(user: string, ticket: string): Challenge | undefined {
  const match = /^PBS:!tfa!([^:]+):/.exec(ticket);
  if (match === null) return undefined;
  const asked = JSON.parse(decodeURIComponent(match[1]!)) as {
    totp?: boolean;
    recovery?: number[] | string;
    webauthn?: { publicKey: WebauthnQuestion };
  };
  return {
    user,
    ticket,
    ...(asked.totp ? { totp: true } : {}),
    ...(Array.isArray(asked.recovery) && asked.recovery.length > 0 ? { recovery: asked.recovery } : {}),
    ...(asked.webauthn ? { webauthn: asked.webauthn.publicKey } : {}),
  };
}
