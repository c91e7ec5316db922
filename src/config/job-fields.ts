// Fields that jobs of several kinds have (config-and-tasks.md 2, rest-api.md 9). Browser-safe.

import { Type } from 'typebox';
import { safeIdPattern } from '../model/names.ts';

/** A name of 3 to 32 characters: of a job, a remote, a traffic rule. */
export const objectName = (description: string) =>
  Type.String({ pattern: safeIdPattern.source, minLength: 3, maxLength: 32, description });

export const jobFields = {
  id: objectName('Name of the job.'),
  schedule: Type.String({
    pattern: '^[^\\u0000-\\u001f\\u007f]+$',
    maxLength: 256,
    description: 'When it runs, a calendar event.',
  }),
  maxDepth: Type.Integer({ minimum: 0, maximum: 7, description: 'Levels of namespaces below; all when absent.' }),
};
