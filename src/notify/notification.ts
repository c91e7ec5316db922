// What is told: an event with a severity, the fields that matchers look at, and what its templates say
// (config-and-tasks.md 8.3).

export const severities = ['info', 'notice', 'warning', 'error', 'unknown'] as const;
export type Severity = (typeof severities)[number];

export const eventTypes = [
  'acme',
  'gc',
  'package-updates',
  'prune',
  'sync',
  'system-mail',
  'tape-backup',
  'tape-load',
  'thresholds',
  'verify',
] as const;
export type EventType = (typeof eventTypes)[number];

/** The shipped templates: a subject and a body each. */
export const templateNames = [
  'acme-err',
  'certificate-expiry',
  'gc-err',
  'gc-ok',
  'package-updates',
  'prune-err',
  'prune-ok',
  'sync-err',
  'sync-ok',
  'system-mail',
  'tape-backup-err',
  'tape-backup-ok',
  'tape-load',
  'test',
  'thresholds-exceeded',
  'thresholds-recovered',
  'verify-err',
  'verify-ok',
] as const;
export type TemplateName = (typeof templateNames)[number];

export interface Notification {
  severity: Severity;
  /** When it happened, epoch seconds. */
  timestamp: number;
  /** What matchers look at: `type`, an event type, and what the event has of datastore, job-id, media-pool and more. */
  fields: Readonly<Record<string, string>>;
  template: TemplateName;
  /** What the templates are given, in JSON: keys in kebab-case. */
  data: Readonly<Record<string, unknown>>;
  /** Set by datastores in the mode of old: it goes by sendmail to this user alone, past all matchers (8.7). */
  'mailto-user'?: string;
}
