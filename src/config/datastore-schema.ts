// The fields of datastore.cfg (config-and-tasks.md 2) and the objects inside its property strings. Browser-safe.

import { schema } from '../model/schema.ts';
import { type Static, Type } from '../model/type.ts';
import { calendarEvent } from './job-fields.ts';
import { type PropertyStringFormat, parsePropertyString, propertyString } from './property-string.ts';

const oneOf = <T extends string>(...values: T[]) => Type.Unsafe<T>(Type.Union(values.map((one) => Type.Literal(one))));
const notice = Type.Optional(oneOf('always', 'error', 'never'));
const keep = (period: string) =>
  Type.Optional(Type.Integer({ minimum: 1, description: `Backups to keep: ${period}.` }));

export const notifyFormat: PropertyStringFormat = {
  object: Type.Object({ gc: notice, verify: notice, sync: notice, prune: notice }),
  alternatives: ['always', 'error', 'never'],
};

const tuningObject = Type.Object({
  'chunk-order': Type.Optional(oneOf('inode', 'none')),
  'sync-level': Type.Optional(oneOf('none', 'file', 'filesystem')),
  'gc-atime-safety-check': Type.Optional(Type.Boolean()),
  'gc-atime-cutoff': Type.Optional(Type.Integer({ minimum: 1, maximum: 2880 })),
  'gc-cache-capacity': Type.Optional(Type.Integer({ minimum: 0, maximum: 8388608 })),
  'default-verification-workers': Type.Optional(Type.Integer({ minimum: 1, maximum: 32 })),
  'default-verification-readers': Type.Optional(Type.Integer({ minimum: 1, maximum: 32 })),
});
export const tuningFormat: PropertyStringFormat = { object: tuningObject };
export type Tuning = Required<Static<typeof tuningObject>>;

export const maintenanceFormat: PropertyStringFormat = {
  object: Type.Object({
    type: oneOf('read-only', 'offline', 'delete', 'unmount', 's3-refresh'),
    message: Type.Optional(Type.String()),
  }),
  defaultKey: 'type',
};

export const backendFormat: PropertyStringFormat = {
  object: Type.Object({
    type: Type.Optional(oneOf('filesystem', 's3')),
    client: Type.Optional(Type.String()),
    bucket: Type.Optional(Type.String()),
    'max-cache-size': Type.Optional(Type.String()),
  }),
};

export interface Backend {
  type: 'filesystem' | 's3';
  /** Of `s3`: the endpoint, the bucket, and how large the local copies of chunks may be, as it was written. */
  client?: string;
  bucket?: string;
  'max-cache-size'?: string;
}

/** What `backend` of a datastore says. Throws a TypeError for a text that the schema refuses. */
export function parseBackend(text: string | undefined): Backend {
  const given = text === undefined ? { value: {} } : parsePropertyString(backendFormat, text);
  if (given.value === undefined) throw new TypeError(`backend: ${given.problem}`);
  return { type: 'filesystem', ...given.value };
}

const count = Type.Optional(Type.Integer({ minimum: 0 }));
const size = Type.Optional(Type.String());
export const thresholdsFormat: PropertyStringFormat = {
  object: Type.Object({
    's3-get': count,
    's3-put': count,
    's3-post': count,
    's3-head': count,
    's3-delete': count,
    's3-upload': size,
    's3-download': size,
  }),
};

export const datastoreSchema = Type.Object({
  name: schema.store,
  path: Type.String({
    pattern: '^[^\\u0000-\\u001f\\u007f]+$',
    description: 'Absolute path of the datastore, or its path on the removable device.',
  }),
  comment: Type.Optional(schema.comment),
  'gc-schedule': Type.Optional(calendarEvent('When garbage is collected')),
  'gc-on-unmount': Type.Optional(Type.Boolean({ description: 'Collect garbage before unmounting.' })),
  'prune-schedule': Type.Optional(calendarEvent('When the inline keep options are applied')),
  'keep-last': keep('the last'),
  'keep-hourly': keep('hourly'),
  'keep-daily': keep('daily'),
  'keep-weekly': keep('weekly'),
  'keep-monthly': keep('monthly'),
  'keep-yearly': keep('yearly'),
  'verify-new': Type.Optional(Type.Boolean({ description: 'Verify each backup once it is finished.' })),
  'notify-user': Type.Optional(schema.userId),
  notify: Type.Optional(propertyString(notifyFormat, { description: 'When mails are sent, per kind of job.' })),
  'notify-level': Type.Optional(oneOf('info', 'notice', 'warning', 'error')),
  'notification-mode': Type.Optional(oneOf('notification-system', 'legacy-sendmail')),
  tuning: Type.Optional(propertyString(tuningFormat, { description: 'Tuning options.' })),
  'maintenance-mode': Type.Optional(propertyString(maintenanceFormat, { description: 'Maintenance mode.' })),
  'backing-device': Type.Optional(
    Type.String({
      pattern: '^[0-9A-Za-z-]{1,64}$',
      description: 'UUID of the file system of a removable datastore.',
    }),
  ),
  backend: Type.Optional(propertyString(backendFormat, { description: 'Where the chunks are.' })),
  'notification-thresholds': Type.Optional(
    propertyString(thresholdsFormat, { description: 'Counters of the object store that cause a notification.' }),
  ),
  'counter-reset-schedule': Type.Optional(calendarEvent('When the counters of the object store restart')),
});
export type DatastoreSection = Static<typeof datastoreSchema>;

/** The tuning options of a datastore, defaults filled in. Throws a TypeError for a text that the schema refuses. */
export function parseTuning(text: string | undefined): Tuning {
  const given = text === undefined ? { value: {} } : parsePropertyString(tuningFormat, text);
  if (given.value === undefined) throw new TypeError(`tuning: ${given.problem}`);
  return {
    'chunk-order': 'inode',
    'sync-level': 'filesystem',
    'gc-atime-safety-check': true,
    'gc-atime-cutoff': 1445,
    'gc-cache-capacity': 1048576,
    'default-verification-workers': 4,
    'default-verification-readers': 1,
    ...given.value,
  };
}

/**
 * How many chunks a verification looks at at the same time. Reading and verifying one is the work of one thread, so that
 * the larger of both numbers counts. `tuning` is the datastore's option, which stands in for what is not given.
 */
export function verificationThreads(
  given: { readonly 'read-threads'?: number; readonly 'verify-threads'?: number },
  tuning: string | undefined,
): number {
  const defaults = parseTuning(tuning);
  return Math.max(
    given['read-threads'] ?? defaults['default-verification-readers'],
    given['verify-threads'] ?? defaults['default-verification-workers'],
  );
}
