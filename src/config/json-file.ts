// Text of a JSON configuration file to a value; what is broken is named by its line, and never quoted: these files hold
// secrets.

import { GranaryError } from '../base/errors.ts';

/** The value of a JSON text; `{}` for an empty one. Throws `config-invalid` with file and line. */
export function parseJsonFile(text: string, path: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    // Without the parser's own error: its text shows a part of the file.
    const line = brokenLine(text);
    throw new GranaryError('config-invalid', `parsing "${path}" failed: line ${line} - not JSON`, {
      details: { file: path, line },
    });
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const token =
  /[ \t\r\n]*(?:([{[])|([}\]])|([,:])|((?:"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)))/y;

/** The line on which a text stops being JSON, from 1; found by which tokens may follow each other. */
function brokenLine(text: string): number {
  let previous: 'start' | 'open' | 'close' | 'separator' | 'value' = 'start';
  let end = 0;
  token.lastIndex = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const kind = match[1] ? 'open' : match[2] ? 'close' : match[3] ? 'separator' : 'value';
    const afterValue = previous === 'close' || previous === 'value';
    const fits = kind === 'separator' ? afterValue : kind === 'close' ? afterValue || previous === 'open' : !afterValue;
    end = token.lastIndex;
    if (!fits) return lineAt(text, end - 1);
    previous = kind;
  }
  const rest = text.slice(end).search(/\S/);
  return lineAt(text, rest < 0 ? text.trimEnd().length : end + rest);
}

function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length;
}
