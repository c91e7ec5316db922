// Trying an S3 endpoint, and setting its counters to zero.

import { epochSeconds } from '../../../base/clock.ts';
import { DatastoreConfig } from '../../../config/datastore-config.ts';
import { parseBackend } from '../../../config/datastore-schema.ts';
import { S3EndpointConfig } from '../../../config/s3-config.ts';
import { probeObjects } from '../../../object-store/probe.ts';
import { resetTraffic } from '../../../object-store/traffic-counts.ts';
import { implement } from '../../../wire/implement.ts';
import { datastoreTrafficFile, openBucket } from '../../../wire/object-stores.ts';
import { checkS3, resetS3Counters } from './s3.contract.ts';

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

  implement(resetS3Counters, async ({ 's3-endpoint-id': id, bucket, 'store-prefix': prefix }, { server }) => {
    const { directories, clock } = server;
    new S3EndpointConfig(directories).get(id);
    const counted = new DatastoreConfig(directories).list().data.filter(({ name, backend }) => {
      const place = parseBackend(backend);
      return place.client === id && place.bucket === bucket && (prefix === undefined || name === prefix);
    });
    const now = epochSeconds(clock);
    for (const section of counted) await resetTraffic(datastoreTrafficFile(directories, section)!, now);
    return null;
  }),
];
