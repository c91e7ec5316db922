// Connections to the configured S3 endpoints (config-and-tasks.md 2): with their secrets, through the proxy of
// the node, and held to their rates by all processes together.

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GranaryError } from '../base/errors.ts';
import { parseBytes } from '../base/human.ts';
import type { BucketPlace } from '../chunk-store/backends.ts';
import { type DatastoreSection, parseBackend } from '../config/datastore-schema.ts';
import type { Directories } from '../config/directories.ts';
import { nodeConfigFile } from '../config/node-config.ts';
import { S3EndpointConfig } from '../config/s3-config.ts';
import { defaultRegion, type S3Endpoint } from '../config/s3-schema.ts';
import { ClaimedObjects } from '../object-store/claim.ts';
import { listBuckets as bucketsOf, S3Objects, type S3Options } from '../object-store/s3-objects.ts';
import { TrafficCounts } from '../object-store/traffic-counts.ts';
import { type Bucket, rateOf } from './rate-bucket.ts';
import { type Buckets, holdTo } from './rate-limit.ts';
import { type Direction, SharedRule } from './shared-bucket.ts';

/** The bucket of an endpoint. Throws `bad-request` for an endpoint that is not configured. Connects when it is used. */
export function openBucket(
  directories: Directories,
  endpoint: string,
  bucket: string,
  counts?: TrafficCounts,
): S3Objects {
  const options = s3Options(directories, endpoint);
  const closed = (): void => {
    options.closed();
    void counts?.flush();
  };
  return new S3Objects({ ...options, count: counts?.count, closed }, bucket);
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
  return await bucketsOf(s3Options(directories, endpoint));
}

function s3Options(directories: Directories, endpoint: string): S3Options & { closed: () => void } {
  const section = new S3EndpointConfig(directories).get(endpoint).data;
  const limits = new EndpointLimits(directories, section);
  const quirks = section['provider-quirks'] ?? [];
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
    proxy: nodeConfigFile(directories).current().value['http-proxy'],
    putTurn: limits.putTurn,
    hold: (tcp, secure) => holdTo(limits.buckets, tcp, secure),
    closed: () => limits.close(),
  };
}

/** What all processes of the server together may ask of an endpoint. */
class EndpointLimits {
  readonly buckets: Buckets;
  /** Settles when an upload may begin; undefined when it always may. */
  readonly putTurn: S3Options['putTurn'];
  readonly #rules: SharedRule[] = [];

  constructor(directories: Directories, section: S3Endpoint) {
    const { id } = section;
    const rule = (what: string): SharedRule => {
      // A limit that cannot be shared is no reason to fail: then nothing is held back.
      const made = new SharedRule(join(directories.run, 's3-rates', `${what}-${id}`), { onError: () => {} });
      this.#rules.push(made);
      return made;
    };
    const bytes = rule('bytes');
    const limited = (direction: Direction): Bucket | undefined => {
      const rate = rateOf(parsed(section[`rate-${direction}`]), parsed(section[`burst-${direction}`]));
      return rate && bytes.bucket(direction, rate);
    };
    this.buckets = { in: limited('in'), out: limited('out') };
    const rate = rateOf(section['put-rate-limit'], 1);
    const puts = rate && rule('puts').bucket('out', rate);
    this.putTurn =
      puts &&
      (async (signal) => {
        const wait = puts.take(1);
        if (wait > 0) await delay(wait, undefined, signal ? { signal } : {});
      });
  }

  close(): void {
    for (const rule of this.#rules) rule.close();
  }
}

const parsed = (text: string | undefined): number | undefined => (text === undefined ? undefined : parseBytes(text));
