// What matchers can send to and look at.

import os from 'node:os';
import { join } from 'node:path';
import { epochSeconds } from '../../../base/clock.ts';
import type { Directories } from '../../../config/directories.ts';
import { listTargets, notificationFile } from '../../../config/notification-config.ts';
import { sectionFile } from '../../../config/section-store.ts';
import { eventTypes } from '../../../notify/notification.ts';
import { implement } from '../../../wire/implement.ts';
import {
  listMatcherFields,
  listMatcherFieldValues,
  listNotificationTargets,
  testNotificationTarget,
} from './targets.contract.ts';

const fields = ['datastore', 'hostname', 'job-id', 'media-pool', 'type'];
export const notificationTargetEndpoints = [
  implement(listNotificationTargets, async (_parameters, call) =>
    listTargets(notificationFile(call.server.directories).current().value),
  ),

  implement(testNotificationTarget, async ({ name }, { server, signal }) => {
    const { directories, machine, clock, log } = server;
    const { Sender } = await import('../../../notify/sender.ts');
    await new Sender({ directories, run: machine.run, log }).test(name, epochSeconds(clock), signal);
    return null;
  }),

  implement(listMatcherFields, async () => fields.map((name) => ({ name }))),

  implement(listMatcherFieldValues, async (_parameters, call) => {
    const { directories } = call.server;
    const jobFiles = ['prune.cfg', 'sync.cfg', 'verification.cfg', 'tape-job.cfg'];
    return [
      ...sectionValues(directories, 'datastore', 'datastore.cfg'),
      ...sectionValues(directories, 'media-pool', 'media-pool.cfg'),
      ...jobFiles.flatMap((file) => sectionValues(directories, 'job-id', file)),
      { field: 'hostname', value: os.hostname().split('.')[0]! },
      ...eventTypes.map((value) => ({ field: 'type', value })),
    ];
  }),
];

interface FieldValue {
  field: string;
  value: string;
  comment?: string;
}

/** Names and comments of a file's sections, whatever else is in them. */
function sectionValues(directories: Directories, field: string, name: string): FieldValue[] {
  const file = sectionFile(join(directories.config, name), { types: {}, keepUnknown: true });
  return [...file.current().value.values()].map(({ id, values }) => {
    const [comment] = Array.isArray(values['comment']) ? values['comment'] : [];
    return { field, value: id, ...(comment === undefined ? {} : { comment: String(comment) }) };
  });
}
