// The two shapes of an answer: `/api2/json` and `/api2/extjs` (rest-api.md 3.1 and 3.2).

import type { GranaryError } from '../base/errors.ts';

export type OutputFormat = 'json' | 'extjs';

/** One finished answer: status, type and the text in pieces, so that a long list is never one string. */
export interface FormattedAnswer {
  status: number;
  contentType: string;
  pieces: Iterable<string>;
}

const jsonType = 'application/json;charset=UTF-8';
/** Items of a list that are turned into text at a time. */
const itemsPerPiece = 256;

export function isOutputFormat(text: string): text is OutputFormat {
  return text === 'json' || text === 'extjs';
}

/** The answer to a call that worked; `undefined` is written as null. Attributes become siblings of `data`. */
export function formatResult(
  format: OutputFormat,
  value: unknown,
  attributes: Readonly<Record<string, unknown>>,
): FormattedAnswer {
  const rest = format === 'json' ? attributes : { success: true, status: 200, ...attributes };
  return { status: 200, contentType: jsonType, pieces: resultPieces(value, rest) };
}

/** The answer to a call that failed. */
export function formatError(format: OutputFormat, error: GranaryError): FormattedAnswer {
  if (format === 'json') return { status: error.status, contentType: jsonType, pieces: [error.message] };
  const message = error.code === 'parameter-invalid' && error.parameters !== undefined;
  const body = {
    message: message ? 'parameter verification errors' : error.message,
    errors: error.parameters ?? {},
    success: false,
    status: error.status,
  };
  return { status: 200, contentType: jsonType, pieces: [JSON.stringify(body)] };
}

function* resultPieces(value: unknown, attributes: Readonly<Record<string, unknown>>): Generator<string> {
  const tail = Object.entries(attributes)
    .filter(([, attribute]) => attribute !== undefined)
    .map(([name, attribute]) => `,${JSON.stringify(name)}:${JSON.stringify(attribute)}`)
    .join('');
  if (!Array.isArray(value) || value.length <= itemsPerPiece) {
    yield `{"data":${JSON.stringify(value ?? null)}${tail}}`;
    return;
  }
  yield '{"data":[';
  for (let at = 0; at < value.length; at += itemsPerPiece) {
    const items = value.slice(at, at + itemsPerPiece).map((item) => JSON.stringify(item ?? null));
    yield (at === 0 ? '' : ',') + items.join(',');
  }
  yield `]${tail}}`;
}
