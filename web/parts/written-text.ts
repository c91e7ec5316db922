// Headers, secrets and body of a webhook as people write them, and as the call has them: property strings with values
// in base64 (config-and-tasks.md 8.1). Texts of other options are in base64 too.

import * as base64 from '../base/sealed/bytes.ts';

export function toBase64(text: string): string {
  return base64.toBase64(new TextEncoder().encode(text));
}

/** Bytes that are no text become replacement characters; what is no base64 is given as it is. */
export function fromBase64(stored: string): string {
  const bytes = base64.fromBase64(stored);
  return bytes === undefined ? stored : new TextDecoder().decode(bytes);
}

/** `Name: value` lines of `name=NAME,value=BASE64` lines; with `=`, those of secrets, whose values are unknown. */
export function readPairs(stored: string, separator: ': ' | '='): string {
  return stored
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { name, value } = Object.fromEntries(line.split(',').map((part) => splitAt(part, '=')));
      return value === undefined ? (name ?? '') : `${name}${separator}${fromBase64(value)}`;
    })
    .join('\n');
}

/** The opposite; a line without separator is a name without value. */
export function writePairs(text: string, separator: ':' | '='): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [name, value] = splitAt(line, separator);
      return value === undefined ? `name=${name.trim()}` : `name=${name.trim()},value=${toBase64(value.trim())}`;
    })
    .join('\n');
}

function splitAt(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
