// What a matcher does, in a sentence.

import type { Matcher } from '../../../../src/config/notification-schema.ts';

/** The texts that sentences are made of. */
export interface SummaryWords {
  sendsNowhere: string;
  sendsTo(targets: string): string;
  everything: string;
  nothing: string;
  when(mode: string, conditions: string): string;
  ifAll: string;
  ifAny: string;
  unless(conditions: string): string;
  and: string;
  or: string;
  severityIs(list: string): string;
  fieldIs(field: string, list: string): string;
  fieldMatches(field: string, expression: string): string;
  atTimes(time: string): string;
}

/** `To admins if severity is error or warning and type is gc`. */
export function summaryOf(matcher: Matcher, t: SummaryWords): string {
  const targets = matcher.target ?? [];
  const to = targets.length === 0 ? t.sendsNowhere : t.sendsTo(targets.join(', '));
  return `${to}: ${conditionsOf(matcher, t)}`;
}

function conditionsOf(matcher: Matcher, t: SummaryWords): string {
  const either = (list: string): string => list.split(/[,;\s]+/).join(t.or);
  const conditions = [
    ...(matcher['match-severity'] ?? []).map((list) => t.severityIs(either(list))),
    ...(matcher['match-field'] ?? []).map((text) => fieldOf(text, t)),
    ...(matcher['match-calendar'] ?? []).map((time) => t.atTimes(time)),
  ];
  if (conditions.length === 0) return matcher['invert-match'] === true ? t.nothing : t.everything;
  const isAny = matcher.mode === 'any';
  const joined = conditions.join(isAny ? t.or : t.and);
  if (matcher['invert-match'] === true) return t.unless(joined);
  return t.when(isAny && conditions.length > 1 ? t.ifAny : t.ifAll, joined);
}

function fieldOf(text: string, t: SummaryWords): string {
  const match = /^(exact|regex):([^=]+)=(.*)$/.exec(text);
  if (match === null) return text;
  const [, kind, field, value] = match;
  return kind === 'regex' ? t.fieldMatches(field!, value!) : t.fieldIs(field!, value!.split(',').join(t.or));
}
