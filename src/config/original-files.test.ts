// Files of the original are taken over as they are: read, and written byte for byte in the original's form; what this
// server writes can be read back, whatever it is (config-and-tasks.md 1 and 2).

import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { golden } from '../../test/support/golden.ts';
import { GranaryError } from '../base/errors.ts';
import type { TObject } from '../model/type.ts';
import { DatastoreConfig } from './datastore-config.ts';
import { datastoreSchema } from './datastore-schema.ts';
import { type Directories, resolveDirectories } from './directories.ts';
import { PruneJobConfig } from './prune-config.ts';
import { pruneJobSchema } from './prune-job-schema.ts';
import { RemoteConfig, remotePassword } from './remote-config.ts';
import { remoteSchema } from './remote-schema.ts';
import { shareS3Config } from './s3-config.ts';
import { parseSections, type Sections, serializeSections } from './section-config.ts';
import type { SectionStore } from './section-store.ts';
import { SyncJobConfig } from './sync-config.ts';
import { syncJobSchema } from './sync-job-schema.ts';
import { TrafficControlConfig } from './traffic-control-config.ts';
import { trafficRuleSchema } from './traffic-control-schema.ts';
import { type ConfigValue, checkValue, type RawSchema } from './value-text.ts';
import { VerifyJobConfig } from './verify-config.ts';
import { verifyJobSchema } from './verify-job-schema.ts';

interface Kind {
  file: string;
  type: string;
  id: string;
  schema: TObject;
  open(directories: Directories): unknown;
}
const kinds: Kind[] = [
  {
    file: 'datastore.cfg',
    type: 'datastore',
    id: 'name',
    schema: datastoreSchema,
    open: (d) => new DatastoreConfig(d),
  },
  { file: 'prune.cfg', type: 'prune', id: 'id', schema: pruneJobSchema, open: (d) => new PruneJobConfig(d) },
  {
    file: 'verification.cfg',
    type: 'verification',
    id: 'id',
    schema: verifyJobSchema,
    open: (d) => new VerifyJobConfig(d),
  },
  { file: 'sync.cfg', type: 'sync', id: 'id', schema: syncJobSchema, open: (d) => new SyncJobConfig(d) },
  { file: 'remote.cfg', type: 'remote', id: 'name', schema: remoteSchema, open: (d) => new RemoteConfig(d) },
  {
    file: 'traffic-control.cfg',
    type: 'rule',
    id: 'name',
    schema: trafficRuleSchema,
    open: (d) => new TrafficControlConfig(d),
  },
];

let home: string;
let directories: Directories;
before(() => {
  home = mkdtempSync(join(tmpdir(), 'granary-original-'));
  directories = resolveDirectories(home, '');
  mkdirSync(directories.config);
});
after(() => rmSync(home, { recursive: true }));

const openAs = (kind: Kind): SectionStore<TObject> => kind.open(directories) as SectionStore<TObject>;

for (const kind of kinds) {
  test(`${kind.file} of the original is read, and a change leaves the rest of it byte for byte`, async () => {
    const original = golden(`config/${kind.file}`).toString();
    const path = join(directories.config, kind.file);
    writeFileSync(path, original);
    const store = openAs(kind);
    const all = store.list().data as Record<string, unknown>[];
    assert.equal(all.length, original.split('\n').filter((line) => /^[a-z]/.test(line)).length);
    const last = all.at(-1)!;
    const { comment } = last as { comment?: string };
    await store.update(String(last[kind.id]), { comment: 'changed' });
    assert.notEqual(readFileSync(path, 'utf8'), original);
    await store.update(String(last[kind.id]), { comment }, comment === undefined ? { remove: ['comment'] } : {});
    assert.equal(readFileSync(path, 'utf8'), original);
    await store.remove(String(last[kind.id]));
    await store.create(last);
    assert.equal(readFileSync(path, 'utf8'), original);
  });

  test(`${kind.file}: whatever can be written is read back as it was`, () => {
    const format = { types: { [kind.type]: { schema: kind.schema, id: kind.id } } };
    fc.assert(
      fc.property(fc.uniqueArray(objects(kind.schema), { maxLength: 4, selector: (o) => o[kind.id] }), (list) => {
        const sections: Sections = new Map();
        for (const { [kind.id]: id, ...values } of list) {
          sections.set(String(id), { type: kind.type, id: String(id), values });
        }
        const text = serializeSections(format, sections, kind.file);
        assert.deepEqual(parseSections(format, text, kind.file), sections);
        assert.equal(serializeSections(format, parseSections(format, text, kind.file), kind.file), text);
      }),
      { numRuns: 200 },
    );
  });

  test(`${kind.file}: damage is told with the file and its line, and never anything else`, () => {
    const format = { types: { [kind.type]: { schema: kind.schema, id: kind.id } } };
    const original = golden(`config/${kind.file}`).toString();
    const position = fc.nat({ max: original.length });
    fc.assert(
      fc.property(position, position, fc.string({ maxLength: 6 }), (from, to, insert) => {
        const damaged = original.slice(0, Math.min(from, to)) + insert + original.slice(Math.max(from, to));
        try {
          parseSections(format, damaged, '/etc/x.cfg');
        } catch (error) {
          assert.ok(error instanceof GranaryError && error.code === 'config-invalid', String(error));
          assert.match(error.message, /^parsing "\/etc\/x\.cfg" failed: line \d+ - /);
          assert.ok(Number(error.details['line']) <= damaged.split('\n').length);
        }
      }),
      { numRuns: 500 },
    );
  });
}

test('the secret of a remote is what the file has in base64', () => {
  writeFileSync(join(directories.config, 'remote.cfg'), golden('config/remote.cfg'));
  const remote = new RemoteConfig(directories).get('offsite-pbs').data;
  assert.equal(remotePassword(remote), '5a1b3c0d-8e5f-4e00-8000-0123456789ab');
});

if (process.getuid?.() === 0) {
  test('S3 endpoints, which the original keeps for root alone, can be read by the unprivileged part', () => {
    const path = join(directories.config, 's3.cfg');
    shareS3Config(directories);
    assert.equal(existsSync(path), false);
    const text = 's3-endpoint: minio\n\taccess-key a\n\tendpoint s3.example\n\tsecret-key b\n';
    writeFileSync(path, text, { mode: 0o600 });
    chownSync(directories.config, 4711, 4711);
    shareS3Config(directories);
    const { uid, gid, mode } = statSync(path);
    assert.deepEqual([uid, gid, mode & 0o777, readFileSync(path, 'utf8')], [0, 4711, 0o640, text]);
    chownSync(directories.config, 0, 0);
  });
}

/** Valid texts of fields whose form cannot be told from the schema. */
const texts: Readonly<Record<string, readonly string[]>> = {
  'byte-size': ['10 MiB', '1.5 GB', '100000 B'],
  'calendar-event': ['daily', 'sat 02:00', 'mon..fri 8..17:0/15', 'daily 02:00', 'now'],
  cidr: ['0.0.0.0/0', '192.168.7.0/24', 'fd00::/8', '::/0'],
  'daily-duration': ['8-17:30', 'mon..fri 8:30-9'],
  'group-filter': ['type:vm', 'group:ct/100', 'exclude:regex:^host/.*$'],
};
const propertyStrings: Readonly<Record<string, readonly string[]>> = {
  notify: ['gc=always,prune=never', 'always'],
  tuning: ['chunk-order=none,sync-level=file', 'gc-cache-capacity=0'],
  'maintenance-mode': ['offline', 'read-only,message=a%20b'],
  backend: ['type=filesystem', 'type=s3,client=a,bucket=b'],
  'notification-thresholds': ['s3-get=1,s3-upload=1 GiB'],
};

/** Objects that a schema accepts, with any of the optional fields. */
function objects(schema: TObject): fc.Arbitrary<Record<string, ConfigValue>> {
  const { properties = {}, required = [] } = schema as RawSchema;
  const model = Object.entries(properties).map(([name, field]) => [name, values(name, field)] as const);
  return fc.record(Object.fromEntries(model), { requiredKeys: required }) as fc.Arbitrary<Record<string, ConfigValue>>;
}

function values(name: string, field: RawSchema): fc.Arbitrary<ConfigValue> {
  if (field.type === 'array') {
    return fc.array(values(name, field.items!), { minLength: 1, maxLength: 3 }) as fc.Arbitrary<ConfigValue>;
  }
  if (field.anyOf) return fc.constantFrom(...field.anyOf.map((one) => String(one.const)));
  if (field.type === 'boolean') return fc.boolean();
  if (field.type === 'integer') return fc.integer({ min: field.minimum ?? 0, max: field.maximum ?? 2 ** 31 });
  const given = field.propertyString ? propertyStrings[name] : field.format ? texts[field.format] : undefined;
  if (given) return fc.constantFrom(...given);
  // A value's ends are not told from the white space around it.
  return fc
    .stringMatching(new RegExp(field.pattern ?? '^[ -~]+$'), { size: '-1' })
    .map((text) => text.trim().slice(0, field.maxLength))
    .map((text) => text.padEnd(field.minLength ?? 0, 'x').trim())
    .filter((text) => checkValue(field, text) === undefined);
}
