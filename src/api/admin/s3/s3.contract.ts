// Trying an S3 endpoint, and setting its counters to zero (rest-api.md 7.4).

import { bucketName, s3EndpointSchema, storePrefix } from '../../../config/s3-schema.ts';
import { defineEndpoint } from '../../../model/endpoint.ts';
import { Type } from '../../../model/type.ts';

export const checkS3 = defineEndpoint({
  method: 'PUT',
  path: 'admin/s3/{s3-endpoint-id}/check',
  summary: 'Try whether objects can be written to, read from and removed from a bucket.',
  parameters: Type.Object({
    's3-endpoint-id': s3EndpointSchema.properties.id,
    bucket: bucketName,
    'store-prefix': Type.Optional(storePrefix),
  }),
  result: Type.Null(),
  access: { kind: 'privilege', path: '/', all: ['Sys.Modify'] },
  protected: true,
});

export const resetS3Counters = defineEndpoint({
  method: 'PUT',
  path: 'admin/s3/{s3-endpoint-id}/reset-counters',
  summary: 'Set the counters of requests to a bucket, and of bytes, to zero.',
  parameters: Type.Object({
    's3-endpoint-id': s3EndpointSchema.properties.id,
    bucket: bucketName,
    'store-prefix': Type.Optional(storePrefix),
  }),
  result: Type.Null(),
  access: { kind: 'privilege', path: '/', all: ['Sys.Modify'] },
});
