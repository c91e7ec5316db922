// Trying an S3 endpoint.

import { probeObjects } from '../../../object-store/probe.ts';
import { implement } from '../../../wire/implement.ts';
import { openBucket } from '../../../wire/object-stores.ts';
import { checkS3 } from './s3.contract.ts';

export const s3AdminEndpoints = [
  implement(checkS3, async ({ 's3-endpoint-id': id, bucket, 'store-prefix': prefix }, call) => {
    const objects = openBucket(call.server.directories, id, bucket);
    try {
      await probeObjects(objects, prefix, { signal: call.signal });
    } finally {
      objects.close();
    }
    return null;
  }),
];
