// Connections to the configured S3 endpoints (config-and-tasks.md 2): with their secrets, and held to their rates.

import { parseBytes } from '../base/human.ts';
import type { Directories } from '../config/directories.ts';
import { S3EndpointConfig } from '../config/s3-config.ts';
import { defaultRegion, type S3Endpoint } from '../config/s3-schema.ts';
import { listBuckets as bucketsOf, S3Objects, type S3Options } from '../object-store/s3-objects.ts';
import { Limiter } from './rate-limit.ts';

/** The bucket of an endpoint. Throws `bad-request` for an endpoint that is not configured. Connects when it is used. */
export function openBucket(
  directories: Directories,
  endpoint: string,
  bucket: string,
  count?: S3Options['count'],
): S3Objects {
  return new S3Objects({ ...s3Options(new S3EndpointConfig(directories).get(endpoint).data), count }, bucket);
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
