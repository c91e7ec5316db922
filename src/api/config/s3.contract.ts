// S3 endpoints: servers that keep the objects of datastores (rest-api.md 7.5).

import { s3EndpointSchema } from '../../config/s3-schema.ts';
import { type Access, defineEndpoint } from '../../model/endpoint.ts';
import { Type } from '../../model/type.ts';
import { configContracts } from '../config-object.contract.ts';

const { id, 'secret-key': secret } = s3EndpointSchema.properties;
const modify: Access = { kind: 'privilege', path: '/system/s3-endpoint/{id}', all: ['Sys.Modify'] };
const secretKey = Type.String({ ...secret, writeOnly: true });

export const s3EndpointContracts = configContracts({
  path: 'config/s3',
  what: ['S3 endpoint', 'S3 endpoints'],
  schema: s3EndpointSchema,
  id: 'id',
  deletable: [
    'port',
    'region',
    'fingerprint',
    'path-style',
    'rate-in',
    'burst-in',
    'rate-out',
    'burst-out',
    'put-rate-limit',
    'provider-quirks',
  ],
  access: {
    list: { kind: 'any' },
    read: { kind: 'privilege', path: '/system/s3-endpoint/{id}', all: ['Sys.Audit'] },
    create: { kind: 'privilege', path: '/system/s3-endpoint', all: ['Sys.Modify'] },
    update: modify,
    remove: modify,
  },
  secret: ['secret-key'],
  parameters: { create: { 'secret-key': secretKey }, update: { 'secret-key': secretKey } },
});

export const listS3Buckets = defineEndpoint({
  method: 'GET',
  path: 'config/s3/{id}/list-buckets',
  summary: 'List the buckets of an S3 endpoint that its access key sees.',
  parameters: Type.Object({ id }),
  result: Type.Array(Type.Object({ name: Type.String({ description: 'Name of the bucket.' }) })),
  access: { kind: 'privilege', path: '/', all: ['Sys.Audit'] },
  protected: true,
});
