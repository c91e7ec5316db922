// Commands about S3 endpoints (cli.md 5).

import { defineCommand, defineGroup } from '../framework/command.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printJson, printTable } from '../framework/output.ts';
import { completeNames } from './complete.ts';
import { objectCommands } from './config-object.ts';
import { openLocalServer } from './local-server.ts';
import { rateOptions } from './rates.ts';

const path = 'config/s3';
const optionalFields = {
  port: optional(option.integer('Port. The default is 443.', { minimum: 1, maximum: 65535 })),
  region: optional(option.text('Region. The default is us-west-1.')),
  fingerprint: optional(option.text('SHA-256 fingerprint of its certificate.')),
  'path-style': optional(option.flag('Name buckets in the path of an address, not in the host name.')),
  ...rateOptions,
  'put-rate-limit': optional(option.integer('Uploads that are begun a second.', { minimum: 1 })),
  'provider-quirks': optional(
    option.list(
      option.choice(['skip-if-none-match-header', 'delete-objects-via-delete-object'], 'Quirk.'),
      'What this provider cannot do.',
    ),
  ),
};

const endpoints = objectCommands({
  what: ['S3 endpoint', 'S3 endpoints'],
  path,
  id: 'id',
  fields: {
    endpoint: option.text('Host name or address; "{{bucket}}." in front and "{{region}}" are filled in.', {
      valueName: 'host',
    }),
    'access-key': option.text('Name of the access key.'),
    'secret-key': option.text('Secret of the access key; asked for when no value follows.', { secret: true }),
    ...optionalFields,
  },
  deletable: Object.keys(optionalFields),
  columns: ['id', 'endpoint', 'port', 'region', 'access-key', 'fingerprint', 'path-style'],
  async send(values, terminal) {
    if (values['secret-key'] !== '') return values;
    return { ...values, 'secret-key': await terminal.askSecret('Secret key: ') };
  },
  example:
    's3 endpoint create minio1 --endpoint s3.example.com --access-key backup --secret-key --path-style --fingerprint aa:bb:...',
});

const id = option.text('Name of the S3 endpoint.', { minLength: 3, maxLength: 32, valueName: 'id' });
const complete = { id: completeNames(path, 'id') };

const listBuckets = defineCommand({
  summary: 'List the buckets that the access key sees.',
  positional: ['id'],
  options: { id, ...outputOption },
  complete,
  async run(values, terminal) {
    await using server = await openLocalServer(terminal);
    const rows = (await server.call('GET', `${path}/${encodeURIComponent(values.id)}/list-buckets`)) as {
      name: string;
    }[];
    if (printJson(terminal, outputFormat(values, terminal), rows)) return;
    printTable(terminal, rows, [{ name: 'name', text: (row) => row.name }]);
  },
});

const bucketOptions = {
  id,
  bucket: option.text('Name of the bucket.', { valueName: 'bucket' }),
  'store-prefix': optional(option.text('What the keys begin with: the name of the datastore.')),
};

const check = defineCommand({
  summary: 'Try whether objects can be written, read, listed and removed.',
  positional: ['id', 'bucket'],
  options: bucketOptions,
  complete,
  async run({ id: endpoint, ...parameters }, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('PUT', `admin/s3/${encodeURIComponent(endpoint)}/check`, parameters);
  },
});

const resetCounters = defineCommand({
  summary: 'Set the counters of requests and bytes of a bucket to zero: for one datastore, or all that are in it.',
  positional: ['id', 'bucket'],
  options: bucketOptions,
  complete,
  async run({ id: endpoint, ...parameters }, terminal) {
    await using server = await openLocalServer(terminal);
    await server.call('PUT', `admin/s3/${encodeURIComponent(endpoint)}/reset-counters`, parameters);
  },
});

export const s3Commands = defineGroup('Object stores that keep the content of datastores.', {
  endpoint: defineGroup('S3 endpoints.', { ...endpoints, 'list-buckets': listBuckets }),
  check,
  'reset-counters': resetCounters,
});
