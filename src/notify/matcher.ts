// Which matchers a notification meets, and so where it goes (config-and-tasks.md 8.2).

import { messageOf } from '../base/errors.ts';
import { isWithin, parseDailyDuration } from '../calendar/daily-duration.ts';
import type { Matcher } from '../config/notification-schema.ts';
import { parseExpression } from '../model/expression.ts';
import type { Notification } from './notification.ts';

type Facts = Pick<Notification, 'fields' | 'severity' | 'timestamp'>;

/**
 * Whether a notification meets a matcher's directives: all of them or any, as its mode says, or not so when it is
 * inverted. A matcher without directives is met by everything. Throws `bad-request` for a directive that cannot be
 * understood, which only a file that was edited by hand can have.
 */
export function isMatch(matcher: Matcher, facts: Facts): boolean {
  const results = [
    ...(matcher['match-field'] ?? []).map((text) => matchesField(text, facts.fields)),
    ...(matcher['match-severity'] ?? []).map((text) => text.split(/[,;\s]+/).includes(facts.severity)),
    ...(matcher['match-calendar'] ?? []).map((text) => isWithin(parseDailyDuration(text), facts.timestamp)),
  ];
  if (results.length === 0) return true;
  const met = matcher.mode === 'any' ? results.includes(true) : !results.includes(false);
  return met !== (matcher['invert-match'] === true);
}

/**
 * The targets of all enabled matchers that are met, each once, in the order of the file. `onProblem` is told of
 * matchers that cannot be understood; these are not met.
 */
export function chooseTargets(
  matchers: readonly Matcher[],
  facts: Facts,
  onProblem: (matcher: string, problem: string) => void,
): string[] {
  const targets = new Set<string>();
  for (const matcher of matchers) {
    if (matcher.disable === true) continue;
    try {
      if (!isMatch(matcher, facts)) continue;
    } catch (error) {
      onProblem(matcher.name, messageOf(error));
      continue;
    }
    for (const target of matcher.target ?? []) targets.add(target);
  }
  return [...targets];
}

/** `exact:FIELD=v1,v2` or `regex:FIELD=EXPRESSION`, found anywhere in the value; a missing field never matches. */
function matchesField(text: string, fields: Notification['fields']): boolean {
  const [, kind, field = '', wanted = ''] = /^(exact|regex):([^=]*)=(.*)$/s.exec(text) ?? [];
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (kind === 'exact') return value !== undefined && wanted.split(',').includes(value);
  if (kind !== 'regex') throw new SyntaxError(`'${text}' is neither exact:FIELD=VALUE nor regex:FIELD=EXPRESSION`);
  const expression = parseExpression(wanted);
  return value !== undefined && expression.test(value);
}
