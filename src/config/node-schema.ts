// The options of the server itself, node.cfg (config-and-tasks.md 3), and the objects in its property strings.
// Browser-safe.

import { type Static, Type } from '../model/type.ts';
import { type PropertyStringFormat, parsePropertyString, propertyString } from './property-string.ts';

const safeId = '^[A-Za-z0-9_][A-Za-z0-9._-]*$';
const dnsLabel = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
/** A name that a certificate can be ordered for; the first label may be `*`. */
export const acmeDomainPattern = `^(?:\\*\\.)?(?:${dnsLabel}\\.)*${dnsLabel}$`;

/** `acme`: the account that certificates are ordered with. */
export const acmeFormat: PropertyStringFormat = {
  object: Type.Object({ account: Type.String({ pattern: safeId, description: 'Name of the ACME account.' }) }),
  defaultKey: 'account',
};

const acmeDomainObject = Type.Object({
  domain: Type.String({ pattern: acmeDomainPattern, maxLength: 255, description: 'Name in the certificate.' }),
  alias: Type.Optional(
    Type.String({ pattern: acmeDomainPattern, maxLength: 255, description: 'Name that a DNS challenge is set on.' }),
  ),
  plugin: Type.Optional(
    Type.String({ pattern: safeId, description: 'Plugin that answers the challenge; standalone when absent.' }),
  ),
});
export type AcmeDomain = Static<typeof acmeDomainObject>;

/** `acmedomain0` to `acmedomain4`. */
export const acmeDomainFormat: PropertyStringFormat = { object: acmeDomainObject, defaultKey: 'domain' };
export const acmeDomainKeys = ['acmedomain0', 'acmedomain1', 'acmedomain2', 'acmedomain3', 'acmedomain4'] as const;

/** What one of these options says, or what is wrong with it. */
export function parseAcmeDomain(
  text: string,
): { value: AcmeDomain; problem?: undefined } | { problem: string; value?: undefined } {
  const parsed = parsePropertyString(acmeDomainFormat, text);
  if (parsed.problem !== undefined) return parsed;
  const { domain, alias, plugin } = parsed.value;
  return {
    value: {
      domain: String(domain),
      ...(alias === undefined ? {} : { alias: String(alias) }),
      ...(plugin === undefined ? {} : { plugin: String(plugin) }),
    },
  };
}

export const locationFormat: PropertyStringFormat = {
  object: Type.Object({
    latitude: Type.Number({ minimum: -90, maximum: 90, description: 'Degrees to the north.' }),
    longitude: Type.Number({ minimum: -180, maximum: 180, description: 'Degrees to the east.' }),
    name: Type.Optional(Type.String({ description: 'Name of the place.' })),
  }),
};

const acmeDomain = Type.Optional(
  propertyString(acmeDomainFormat, { description: 'A name to order in the certificate: domain, alias, plugin.' }),
);
const ciphers = (version: string) =>
  Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9_:+!@=.-]+$',
      description: `Ciphers that are offered with TLS ${version}, in the notation of OpenSSL.`,
    }),
  );

export const nodeSchema = Type.Object({
  acme: Type.Optional(propertyString(acmeFormat, { description: 'ACME account that certificates are ordered with.' })),
  acmedomain0: acmeDomain,
  acmedomain1: acmeDomain,
  acmedomain2: acmeDomain,
  acmedomain3: acmeDomain,
  acmedomain4: acmeDomain,
  'http-proxy': Type.Optional(
    Type.String({
      pattern: '^(?:https?://)?(?:[^\\s/@]+@)?(?:\\[[0-9A-Fa-f:.]+\\]|[^\\s/@:\\[\\]]+)(?::\\d{1,5})?/?$',
      description: 'Proxy for requests to the outside: [http://][user:password@]host[:port].',
    }),
  ),
  'email-from': Type.Optional(
    Type.String({
      pattern: '^[^\\s@\\u0000-\\u001f\\u007f]+(?:@[^\\s@\\u0000-\\u001f\\u007f]+)?$',
      minLength: 2,
      maxLength: 64,
      description: 'Sender address of mails.',
    }),
  ),
  'ciphers-tls-1.2': ciphers('1.2'),
  'ciphers-tls-1.3': ciphers('1.3'),
  'default-lang': Type.Optional(
    Type.String({ pattern: '^[a-z]{2}(?:_[A-Z]{2})?$', description: 'Language of the web interface.' }),
  ),
  'task-log-max-days': Type.Optional(
    Type.Integer({ minimum: 0, description: 'How long logs of tasks are kept, in days.' }),
  ),
  'api-guide-status': Type.Optional(
    Type.Boolean({ description: 'Lists of tasks show how each ended as a word: ok, warning, error, unknown.' }),
  ),
  'consent-text': Type.Optional(
    Type.String({
      pattern: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
      maxLength: 65536,
      description: 'Text that has to be agreed to before a login, in base64.',
    }),
  ),
  location: Type.Optional(propertyString(locationFormat, { description: 'Where the server stands.' })),
  description: Type.Optional(
    Type.String({ pattern: '^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f]*$', description: 'Notes, several lines.' }),
  ),
});
export type NodeOptions = Static<typeof nodeSchema>;
