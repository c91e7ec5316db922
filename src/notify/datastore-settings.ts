// What the options of a datastore make of a notification about it: `notify-level` drops what is of less weight, and the
// mode of old sends a mail to one user as `notify` says, past all matchers (config-and-tasks.md 8.3, 8.6, 8.7).

import { GranaryError } from '../base/errors.ts';
import { type DatastoreSection, notifyFormat } from '../config/datastore-schema.ts';
import { parsePropertyString } from '../config/property-string.ts';
import { rootUser } from '../model/auth-id.ts';
import type { Notification, Severity } from './notification.ts';

/** Without a level of its own it is never dropped. */
const weights: Readonly<Record<Severity, number>> = { info: 0, notice: 1, warning: 2, error: 3, unknown: 3 };

type When = 'always' | 'error' | 'never';
const defaults: Readonly<Record<string, When>> = { gc: 'always', verify: 'always', sync: 'always', prune: 'error' };

type Settings = Pick<DatastoreSection, 'notify' | 'notify-level' | 'notify-user' | 'notification-mode'>;

/** The notification as it is to be sent, or undefined when it is not wanted. */
export function asDatastoreWants(settings: Settings, notification: Notification): Notification | undefined {
  const { severity, fields } = notification;
  const least = settings['notify-level'];
  if (least !== undefined && weights[severity] < weights[least]) return undefined;
  if (settings['notification-mode'] !== 'legacy-sendmail') return notification;
  const when = whenOf(settings.notify, fields['type']!);
  if (when === 'never' || (when === 'error' && severity !== 'error')) return undefined;
  return { ...notification, 'mailto-user': settings['notify-user'] ?? rootUser };
}

/** When mails about a type of event are sent; always, of those that have no setting. */
function whenOf(notify: string | undefined, type: string): When {
  if (!Object.hasOwn(defaults, type)) return 'always';
  if (notify === undefined) return defaults[type]!;
  // One word for all types.
  if (notifyFormat.alternatives!.includes(notify)) return notify as When;
  const parsed = parsePropertyString(notifyFormat, notify);
  if (parsed.value === undefined)
    throw new GranaryError('config-invalid', `datastore option notify: ${parsed.problem}`);
  return (parsed.value[type] as When | undefined) ?? defaults[type]!;
}
