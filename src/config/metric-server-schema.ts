// The fields of metricserver.cfg: where measurements are sent (config-and-tasks.md 2). Browser-safe.

import { schema } from '../model/schema.ts';
import { type Static, Type } from '../model/type.ts';
import { objectName } from './job-fields.ts';

const word = (description: string, options: { default?: string } = {}) =>
  Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]+$', maxLength: 256, description, ...options });
const common = {
  name: objectName('Name of the metric server.'),
  enable: Type.Optional(Type.Boolean({ default: true, description: 'Whether measurements are sent.' })),
  comment: Type.Optional(schema.comment),
};

/** `influxdb-udp: NAME` */
export const influxDbUdpSchema = Type.Object({
  ...common,
  host: Type.String({
    pattern: '^(?:\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9_.-]+):\\d{1,5}$',
    maxLength: 262,
    description: 'Where to send: host:port.',
  }),
  mtu: Type.Optional(Type.Integer({ minimum: 512, maximum: 9000, default: 1500, description: 'Bytes of a packet.' })),
});
export type InfluxDbUdp = Static<typeof influxDbUdpSchema>;

/** `influxdb-http: NAME` */
export const influxDbHttpSchema = Type.Object({
  ...common,
  url: Type.String({ pattern: '^https?://[^\\s/]+(?:/\\S*)?$', maxLength: 2000, description: 'URL of the server.' }),
  token: Type.Optional(word('Token that may write; never shown.')),
  bucket: Type.Optional(word('Bucket.', { default: 'proxmox' })),
  organization: Type.Optional(word('Organization.', { default: 'proxmox' })),
  'max-body-size': Type.Optional(
    Type.Integer({ minimum: 1, default: 25000000, description: 'Most bytes of a request.' }),
  ),
  'verify-tls': Type.Optional(
    Type.Boolean({ default: true, description: "Whether the server's certificate has to be trusted." }),
  ),
});
export type InfluxDbHttp = Static<typeof influxDbHttpSchema>;
