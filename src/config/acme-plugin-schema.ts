// The fields of acme/plugins.cfg: how challenges are answered (config-and-tasks.md 3, rest-api.md 7.5). Browser-safe.

import { type Static, Type } from '../model/type.ts';

const safeId = '^[A-Za-z0-9_][A-Za-z0-9._-]*$';
const id = Type.String({ pattern: safeId, minLength: 1, maxLength: 32, description: 'Name of the plugin.' });

/** `dns: ID`: a hook that sets records. */
export const dnsPluginSchema = Type.Object({
  id,
  api: Type.String({ pattern: safeId, maxLength: 64, description: 'Name of the DNS hook.' }),
  data: Type.String({
    pattern: '^[A-Za-z0-9+/_=-]*$',
    maxLength: 65536,
    description: "The hook's settings, lines KEY=value, in base64.",
  }),
  disable: Type.Optional(Type.Boolean({ default: false, description: 'Do not use the plugin.' })),
  'validation-delay': Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 172800,
      default: 30,
      description: 'Seconds from setting a record until the server is asked to look for it.',
    }),
  ),
});
export type DnsPlugin = Static<typeof dnsPluginSchema>;

/** `standalone: ID`: a web server of our own. */
export const standalonePluginSchema = Type.Object({ id });
