// Connections to the configured S3 endpoints (config-and-tasks.md 2): with their secrets, and held to their rates.

import { join } from 'node:path';
import { GranaryError } from '../base/errors.ts';
import { parseBytes } from '../base/human.ts';
import type { BucketPlace } from '../chunk-store/backends.ts';
import { type DatastoreSection, parseBackend } from '../config/datastore-schema.ts';
import type { Directories } from '../config/directories.ts';
import { S3EndpointConfig } from '../config/s3-config.ts';
import { defaultRegion, type S3Endpoint } from '../config/s3-schema.ts';
import { ClaimedObjects } from '../object-store/claim.ts';
import { listBuckets as bucketsOf, S3Objects, type S3Options } from '../object-store/s3-objects.ts';
import { TrafficCounts } from '../object-store/traffic-counts.ts';
import { Limiter } from './rate-limit.ts';

/** The bucket of an endpoint. Throws `bad-request` for an endpoint that is not configured. Connects when it is used. */
export function openBucket(
  directories: Directories,
  endpoint: string,
  bucket: string,
  counts?: TrafficCounts,
): S3Objects {
  const options = s3Options(new S3EndpointConfig(directories).get(endpoint).data);
  return new S3Objects({ ...options, count: counts?.count, closed: () => counts?.flush() }, bucket);
}

/** Where it is counted what is asked of a bucket for a datastore, or with another prefix. */
export function trafficFile(directories: Directories, endpoint: string, bucket: string, prefix = ''): string {
  const name = [endpoint, bucket, prefix].map(encodeURIComponent).join('@');
  return join(directories.state, 's3-statistics', `${name}.json`);
}

/** The same for a datastore; undefined when it is in no bucket. */
export function datastoreTrafficFile(
  directories: Directories,
  { name, backend }: Pick<DatastoreSection, 'name' | 'backend'>,
): string | undefined {
  const { type, client = '', bucket = '' } = parseBackend(backend);
  return type === 's3' ? trafficFile(directories, client, bucket, name) : undefined;
}

/** The bucket of a datastore that is in one; `base` is its local part. Undefined for one on a file system. */
export function datastoreBucket(
  directories: Directories,
  section: Pick<DatastoreSection, 'name' | 'backend'>,
  base: string,
): BucketPlace | undefined {
  const { type, client, bucket, 'max-cache-size': cache } = parseBackend(section.backend);
  if (type !== 's3') return undefined;
  if (client === undefined || bucket === undefined) {
    throw new GranaryError('config-invalid', `datastore '${section.name}': its backend has no client or no bucket`);
  }
  const counts = new TrafficCounts(trafficFile(directories, client, bucket, section.name));
  const objects = new ClaimedObjects(openBucket(directories, client, bucket, counts), section.name, base);
  return { objects, prefix: section.name, maxCacheSize: cache === undefined ? undefined : parseBytes(cache) };
}

/** Names of the buckets that the access key sees. */
export async function listBuckets(directories: Directories, endpoint: string): Promise<string[]> {
  return await bucketsOf(s3Options(new S3EndpointConfig(directories).get(endpoint).data));
}

function s3Options(section: S3Endpoint): S3Options {
  const quirks = section['provider-quirks'] ?? [];
  const bytes = (text: string | undefined): number | undefined => (text === undefined ? undefined : parseBytes(text));
  const limiter = new Limiter({
    rateIn: bytes(section['rate-in']),
    burstIn: bytes(section['burst-in']),
    rateOut: bytes(section['rate-out']),
    burstOut: bytes(section['burst-out']),
  });
  return {
    id: section.id,
    endpoint: section.endpoint,
    port: section.port,
    region: section.region ?? defaultRegion,
    accessKey: section['access-key'],
    secretKey: section['secret-key'],
    fingerprint: section.fingerprint,
    pathStyle: section['path-style'],
    withoutConditions: quirks.includes('skip-if-none-match-header'),
    deletesSingly: quirks.includes('delete-objects-via-delete-object'),
    putRate: section['put-rate-limit'],
    hold: (tcp, secure) => limiter.hold(tcp, secure),
  };
}
