// Paths as the listings show them: in double quotes, on one line, every byte recoverable
// (formats.md 10.5). Shared by the catalog dump and the archive tool's list.

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text, undefined where the bytes are not UTF-8. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** What is not printed as itself: controls, format and unassigned characters, separators but the space, combining marks. */
const special = /["\\]|(?! )[\p{C}\p{Z}\p{Grapheme_Extend}]/gu;

const short: Record<string, string> = { '"': '\\"', '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r', '\0': '\\0' };

function quoteText(text: string): string {
  return text.replace(special, (c) => short[c] ?? `\\u{${c.codePointAt(0)!.toString(16)}}`);
}

/** Length of the UTF-8 sequence at `at`, or 0 when the bytes there are not one. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  return textOf(bytes.subarray(at, at + length)) === undefined ? 0 : length;
}

/** The path in double quotes; bytes that are not UTF-8 become `\xHH` with upper-case digits. */
export function quotePath(path: Uint8Array): string {
  const whole = textOf(path);
  if (whole !== undefined) return `"${quoteText(whole)}"`;
  let out = '"';
  let valid = 0;
  for (let at = 0; at < path.byteLength; ) {
    const length = sequenceLength(path, at);
    if (length > 0) {
      at += length;
      continue;
    }
    out += quoteText(textOf(path.subarray(valid, at)) ?? '');
    out += `\\x${path[at]!.toString(16).toUpperCase().padStart(2, '0')}`;
    valid = ++at;
  }
  return `${out}${quoteText(textOf(path.subarray(valid)) ?? '')}"`;
}
