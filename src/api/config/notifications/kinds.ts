// Notification targets and matchers: what makes sense beyond the form of each field.

import { GranaryError, messageOf } from '../../../base/errors.ts';
import {
  listTargets,
  matchersOf,
  type NotificationKind,
  NotificationTable,
  notificationFile,
  originOf,
} from '../../../config/notification-config.ts';
import type { ConfigValue } from '../../../config/value-text.ts';
import { parseExpression } from '../../../model/expression.ts';
import type { TObject } from '../../../model/type.ts';
import type { CallContext } from '../../../wire/context.ts';
import type { Endpoint } from '../../../wire/implement.ts';
import { parameterError } from '../../../wire/parameters.ts';
import type { ConfigContracts } from '../../config-object.contract.ts';
import { implementConfig } from '../../config-object.ts';
import {
  gotifyContracts,
  matcherContracts,
  sendmailContracts,
  smtpContracts,
  webhookContracts,
} from './kinds.contract.ts';

type Values = Readonly<Record<string, ConfigValue>>;
type Check = (call: CallContext, next: Values, before: Values | undefined) => void;

export const notificationKindEndpoints = [
  ...kindEndpoints('sendmail', sendmailContracts, checkRecipients),
  ...kindEndpoints('smtp', smtpContracts, checkRecipients),
  ...kindEndpoints('gotify', gotifyContracts),
  ...kindEndpoints('webhook', webhookContracts),
  ...kindEndpoints('matcher', matcherContracts, checkMatcher),
];

function kindEndpoints(kind: NotificationKind, contracts: ConfigContracts<TObject>, check?: Check): Endpoint[] {
  return Object.values(
    implementConfig(contracts, {
      open: (directories) => new NotificationTable(directories, kind),
      answer(_call, object) {
        const { name, ...values } = object as Values;
        return { ...object, origin: originOf(kind, String(name), values) };
      },
      check(call, next, before) {
        if (next !== undefined) check?.(call, next as Values, before as Values | undefined);
        else if (before !== undefined) checkUnused(call, kind, before as Values);
      },
    }),
  );
}

function checkRecipients(_call: CallContext, next: Values): void {
  const count = (field: string): number => ((next[field] as readonly string[] | undefined) ?? []).length;
  if (count('mailto') + count('mailto-user') > 0) return;
  throw parameterError('mailto', 'must at least provide one recipient, either in mailto or in mailto-user');
}

function checkMatcher(call: CallContext, next: Values, before: Values | undefined): void {
  for (const text of (next['match-field'] as readonly string[] | undefined) ?? []) {
    const expression = /^regex:[^=]*=(.*)$/s.exec(text)?.[1];
    if (expression === undefined) continue;
    try {
      parseExpression(expression);
    } catch (error) {
      throw parameterError('match-field', messageOf(error));
    }
  }
  const known = new Set(listTargets(notificationFile(call.server.directories).current().value).map(({ name }) => name));
  const old = (before?.['target'] as readonly string[] | undefined) ?? [];
  for (const target of (next['target'] as readonly string[] | undefined) ?? []) {
    if (!known.has(target) && !old.includes(target))
      throw parameterError('target', `target '${target}' does not exist.`);
  }
}

/** What is shipped is only reset, so it may be in use. */
function checkUnused(call: CallContext, kind: NotificationKind, before: Values): void {
  const { name, ...values } = before;
  if (kind === 'matcher' || originOf(kind, String(name), values) !== 'user-created') return;
  const users = matchersOf(notificationFile(call.server.directories).current().value, String(name));
  if (users.length > 0) {
    throw new GranaryError('bad-request', `cannot delete '${name}', referenced by: ${users.join(', ')}`);
  }
}
