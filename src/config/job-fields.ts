// Fields that configured objects of several kinds have (config-and-tasks.md 2, rest-api.md 9). Browser-safe.

import { safeIdPattern } from '../model/names.ts';
import { Type } from '../model/type.ts';

/** A name of 3 to 32 characters: of a job, a remote, a traffic rule. */
export const objectName = (description: string) =>
  Type.String({ pattern: safeIdPattern.source, minLength: 3, maxLength: 32, description });

/** A calendar event; the text is kept as it was given. */
export const calendarEvent = (description: string) =>
  Type.String({
    pattern: '^[^\\u0000-\\u001f\\u007f]+$',
    maxLength: 256,
    format: 'calendar-event',
    description: `${description}, a calendar event.`,
  });

/** A size or rate like `10 MiB`. */
export const byteSize = (description: string) =>
  Type.String({ pattern: '^[^\\u0000-\\u001f\\u007f]+$', maxLength: 64, format: 'byte-size', description });

export const jobFields = {
  id: objectName('Name of the job.'),
  schedule: calendarEvent('When it runs'),
  maxDepth: Type.Integer({ minimum: 0, maximum: 7, description: 'Levels of namespaces below; all when absent.' }),
  threads: (description: string) => Type.Integer({ minimum: 1, maximum: 32, description }),
};

/** Limits of a direction each, seen from the server: `in` is received. */
export const rateFields = {
  'rate-in': Type.Optional(byteSize('Bytes received a second.')),
  'burst-in': Type.Optional(byteSize('Bytes received at once.')),
  'rate-out': Type.Optional(byteSize('Bytes sent a second.')),
  'burst-out': Type.Optional(byteSize('Bytes sent at once.')),
};
export const rateNames = ['rate-in', 'burst-in', 'rate-out', 'burst-out'] as const;
