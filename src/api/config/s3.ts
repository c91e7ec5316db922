// S3 endpoints, and which buckets they have.

import { GranaryError } from '../../base/errors.ts';
import { DatastoreConfig } from '../../config/datastore-config.ts';
import { parseBackend } from '../../config/datastore-schema.ts';
import { S3EndpointConfig } from '../../config/s3-config.ts';
import type { S3Endpoint } from '../../config/s3-schema.ts';
import { callerOf, hasPrivileges } from '../../wire/authorize.ts';
import type { CallContext } from '../../wire/context.ts';
import { implement } from '../../wire/implement.ts';
import { listBuckets } from '../../wire/object-stores.ts';
import { implementConfig } from '../config-object.ts';
import { listS3Buckets, s3EndpointContracts } from './s3.contract.ts';
import { storedRates } from './stored-rates.ts';

export const s3Endpoints = [
  ...Object.values(
    implementConfig(s3EndpointContracts, {
      open: (directories) => new S3EndpointConfig(directories),
      visible: (call, { id }) =>
        hasPrivileges(call.server, callerOf(call), `/system/s3-endpoint/${id}`, { all: ['Sys.Audit'] }),
      stored: (given) => ({ ...given, ...storedRates(given) }) as Partial<S3Endpoint>,
      check(call, next, before) {
        if (next === undefined && before) refuseUsed(call, before.id);
      },
    }),
  ),

  implement(listS3Buckets, async ({ id }, { server }) =>
    (await listBuckets(server.directories, id)).map((name) => ({ name })),
  ),
];

function refuseUsed(call: CallContext, id: string): void {
  const stores = new DatastoreConfig(call.server.directories).list().data;
  const user = stores.find(({ backend }) => parseBackend(backend).client === id);
  if (user) throw new GranaryError('bad-request', `in-use by datastore ${user.name}`);
}
