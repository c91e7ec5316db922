// The fields of s3.cfg (config-and-tasks.md 2): servers that keep objects. Browser-safe.

import { oneOf } from '../model/schema.ts';
import { type Static, Type } from '../model/type.ts';
import { objectName, rateFields } from './job-fields.ts';

const noBlanks = '^[^\\s\\u0000-\\u001f\\u007f]+$';

/** What a provider of objects cannot do, and how to do without. */
export const providerQuirks = ['skip-if-none-match-header', 'delete-objects-via-delete-object'] as const;
export type ProviderQuirk = (typeof providerQuirks)[number];

export const s3EndpointSchema = Type.Object({
  id: objectName('Name of the endpoint.'),
  endpoint: Type.String({
    pattern: '^(?:\\{\\{bucket\\}\\}\\.)?[A-Za-z0-9_\\[](?:[A-Za-z0-9_.:-]|\\{\\{region\\}\\})*\\]?$',
    maxLength: 255,
    description: 'Host name or address; "{{bucket}}." in front and "{{region}}" are filled in.',
  }),
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: 'Port. Default 443.' })),
  region: Type.Optional(
    Type.String({ pattern: '^[a-z0-9][a-z0-9_-]*$', maxLength: 32, description: 'Region. Default us-west-1.' }),
  ),
  fingerprint: Type.Optional(
    Type.String({
      pattern: '^(?:[0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$',
      description: 'SHA-256 fingerprint of the certificate, hex pairs with colons.',
    }),
  ),
  'access-key': Type.String({ pattern: noBlanks, maxLength: 128, description: 'Name of the access key.' }),
  'secret-key': Type.String({ pattern: noBlanks, maxLength: 256, description: 'Secret of the access key.' }),
  'path-style': Type.Optional(
    Type.Boolean({ description: 'Name buckets in the path of an address, not in the host name.' }),
  ),
  ...rateFields,
  'put-rate-limit': Type.Optional(Type.Integer({ minimum: 1, description: 'Uploads that are begun a second.' })),
  'provider-quirks': Type.Optional(Type.Array(oneOf(providerQuirks), { description: 'What this provider cannot do.' })),
});
export type S3Endpoint = Static<typeof s3EndpointSchema>;

export const defaultRegion = 'us-west-1';

/** A bucket's name, as providers allow it. */
export const bucketName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$',
  description: 'Name of the bucket.',
});

/** What stands in front of the keys of one datastore. */
export const storePrefix = Type.String({
  pattern: '^[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*$',
  maxLength: 256,
  description: 'What the keys of the datastore begin with: its name.',
});
