// The fields of notifications.cfg and of its secret half (config-and-tasks.md 8.1). Browser-safe.

import { oneOf, schema } from '../model/schema.ts';
import { type Static, Type } from '../model/type.ts';
import { type PropertyStringFormat, propertyString } from './property-string.ts';

const safeId = '^[A-Za-z0-9_][A-Za-z0-9._-]*$';
const line = (description: string, maxLength = 1000) =>
  Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]+$', maxLength, description });
const base64 = (description: string) =>
  Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$', maxLength: 262144, description });
const name = (what: string) =>
  Type.String({ pattern: safeId, minLength: 2, maxLength: 32, description: `Name of the ${what}.` });
const mailAddress = Type.String({
  pattern: '^[^\\s@<>,;\\u0000-\\u001f\\u007f]+@[^\\s@<>,;\\u0000-\\u001f\\u007f]+$',
  minLength: 2,
  maxLength: 64,
});

const common = {
  name: name('target'),
  comment: Type.Optional(schema.comment),
  disable: Type.Optional(Type.Boolean({ default: false, description: 'Send nothing to it.' })),
};
const mail = {
  mailto: Type.Optional(Type.Array(mailAddress, { description: 'Addresses to send to.' })),
  'mailto-user': Type.Optional(Type.Array(schema.userId, { description: 'Users whose address is sent to.' })),
  author: Type.Optional(line('Name of the sender.', 128)),
};

export const sendmailSchema = Type.Object({
  ...common,
  ...mail,
  'from-address': Type.Optional(mailAddress),
});

export const smtpSchema = Type.Object({
  ...common,
  ...mail,
  'from-address': mailAddress,
  server: Type.String({ pattern: '^[A-Za-z0-9_.:\\[\\]-]+$', maxLength: 255, description: 'Name or address.' }),
  port: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 65535, description: 'Port; 465, 587 or 25 as the mode says when absent.' }),
  ),
  mode: Type.Optional(oneOf(['tls', 'starttls', 'insecure'], { description: 'Encryption; tls when absent.' })),
  username: Type.Optional(line('User to log in as; nobody logs in when absent.', 128)),
  password: Type.Optional(line('Password of that user.')),
});

export const gotifySchema = Type.Object({
  ...common,
  server: Type.String({ pattern: '^https?://[^\\s/]+(?:/\\S*)?$', maxLength: 2000, description: 'URL of the server.' }),
  token: line('Token of the application.'),
});

const pair = (value: ReturnType<typeof Type.String> | ReturnType<typeof Type.Optional>): PropertyStringFormat => ({
  object: Type.Object({
    name: Type.String({ pattern: '^[^\\s=,;"\\u0000-\\u001f\\u007f]+$', maxLength: 256 }),
    value,
  }),
});
export const headerFormat = pair(base64('Value in base64.'));
export const secretFormat = pair(Type.Optional(base64('Value in base64.')));

export const webhookSchema = Type.Object({
  ...common,
  url: Type.String({
    pattern: '^(?:https?://|\\{\\{)[^\\u0000-\\u001f\\u007f]+$',
    maxLength: 2000,
    description: 'URL, a template.',
  }),
  method: oneOf(['post', 'put', 'get'], { description: 'Method of the request.' }),
  header: Type.Optional(
    Type.Array(propertyString(headerFormat), { description: 'Headers: name=NAME,value=BASE64 of a template.' }),
  ),
  body: Type.Optional(base64('Body: a template, in base64.')),
  secret: Type.Optional(
    Type.Array(propertyString(secretFormat), {
      description: 'Values for the templates that are never shown: name=NAME,value=BASE64; without value it stays.',
    }),
  ),
});

export const matcherModes = ['all', 'any'] as const;
const severity = '(?:info|notice|warning|error|unknown)';

export const matcherSchema = Type.Object({
  name: name('matcher'),
  comment: Type.Optional(schema.comment),
  disable: Type.Optional(Type.Boolean({ default: false, description: 'Do not use it.' })),
  mode: Type.Optional(oneOf(matcherModes, { description: 'Whether all conditions have to hold, or any.' })),
  'invert-match': Type.Optional(Type.Boolean({ description: 'Whether those that do not match are sent.' })),
  'match-field': Type.Optional(
    Type.Array(
      Type.String({
        pattern: '^(?:exact|regex):[A-Za-z0-9_][A-Za-z0-9._-]*=[^\\u0000-\\u001f\\u007f]*$',
        maxLength: 1000,
      }),
      { description: 'exact:FIELD=VALUE,VALUE or regex:FIELD=EXPRESSION.' },
    ),
  ),
  'match-severity': Type.Optional(
    Type.Array(Type.String({ pattern: `^${severity}(?:[,;\\s]+${severity})*$`, maxLength: 200 }), {
      description: 'Severities: info, notice, warning, error, unknown.',
    }),
  ),
  'match-calendar': Type.Optional(
    Type.Array(Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]+$', maxLength: 256, format: 'daily-duration' }), {
      description: 'Times, like "mon..fri 8-17:30".',
    }),
  ),
  target: Type.Optional(
    Type.Array(Type.String({ pattern: safeId, minLength: 2, maxLength: 32 }), { description: 'Targets to send to.' }),
  ),
});

/** Where an object comes from: as it is shipped, shipped but changed, or made by a user. */
export const origins = ['user-created', 'builtin', 'modified-builtin'] as const;
export type Origin = (typeof origins)[number];

export type Sendmail = Static<typeof sendmailSchema>;
export type Smtp = Static<typeof smtpSchema>;
export type Gotify = Static<typeof gotifySchema>;
export type Webhook = Static<typeof webhookSchema>;
export type Matcher = Static<typeof matcherSchema>;
