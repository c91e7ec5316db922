// How bad a line of a log is. The field's logs carry no level, only words tell (config-and-tasks.md 6).

export type LineLevel = 'warn' | 'bad';

const harmless = /\b(?:no|0|without) (?:errors?|warnings?|failed|failures?)\b|\b(?:errors?|failed|warnings?): 0\b/gi;
const bad = /^TASK ERROR|\berror\b|\bfail(?:ed|ure)\b|\bcorrupt|\bfatal\b|\bpanic\b/i;
const warn =
  /^TASK WARNINGS|\bwarn(?:ings?)?\b|\bunable to\b|\bcould not\b|\bcannot\b|\bskipp(?:ed|ing)\b|\bmissing\b|\babort/i;

/** What a verification has no need to read again. */
const asWanted = /^SKIPPED: .* \(recently verified\)$/;

/** Undefined for a line that says nothing of the kind. `text` is without time. */
export function levelOfLine(text: string): LineLevel | undefined {
  if (asWanted.test(text)) return undefined;
  const words = text.replace(harmless, '');
  if (bad.test(words)) return 'bad';
  return warn.test(words) ? 'warn' : undefined;
}

/** A line's time (RFC 3339 with offset, as task logs have it) and the rest. */
export function splitTime(line: string): { date: string; time: string; zone: string; text: string } {
  const match = /^(\d{4}-\d\d-\d\dT)(\d\d:\d\d:\d\d)([+-]\d\d:\d\d: )(.*)$/s.exec(line);
  if (match === null) return { date: '', time: '', zone: '', text: line };
  return { date: match[1]!, time: match[2]!, zone: match[3]!, text: match[4]! };
}
