// Regular expressions as the configuration of the original has them: much as here, but for flags in front, named classes
// of characters, and marks that may be escaped (config-and-tasks.md 2 and 8.2). Browser-safe.

/** What stands between brackets as `[:alpha:]`. */
const classes: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  digit: '0-9',
  lower: 'a-z',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

/** The expression, for `test`. Throws a SyntaxError for a text that is none. */
export function parseExpression(text: string): RegExp {
  const [, flags = '', pattern = ''] = /^(?:\(\?([ims]+)\))?([\s\S]*)$/.exec(text) ?? [];
  const translated = pattern
    .replace(/\\([\s\S])/g, (whole, char: string) => escapes[char] ?? (isPlainMark(char) ? hex(char) : whole))
    .replace(/\[:(\^?)([a-z]+):\]/g, (whole, not: string, name: string) => (not ? whole : (classes[name] ?? whole)))
    .replaceAll('(?P<', '(?<');
  return new RegExp(translated, `${flags}u`);
}

/** The beginning and the end of the whole text. */
const escapes: Readonly<Record<string, string>> = { A: '^', z: '$' };

/** Escaped by habit, which is refused here. */
function isPlainMark(char: string): boolean {
  return /[!"#%&',:;<=>@_`~ -]/.test(char);
}

function hex(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
