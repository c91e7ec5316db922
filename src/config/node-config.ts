// node.cfg: options of the server itself, lines `key: value` below a description of `#` lines
// (config-and-tasks.md 3).

import { join } from 'node:path';
import { GranaryError } from '../base/errors.ts';
import { ConfigFile } from './config-file.ts';
import type { Directories } from './directories.ts';
import {
  type AcmeDomain,
  acmeDomainKeys,
  acmeFormat,
  type NodeOptions,
  nodeSchema,
  parseAcmeDomain,
} from './node-schema.ts';
import { parsePropertyString } from './property-string.ts';
import { checkValue, formatValue, parseValue } from './value-text.ts';

/** Mode 0640. Throws `config-invalid` with file and line for what it does not understand. */
export function nodeConfigFile(directories: Directories): ConfigFile<NodeOptions> {
  return new ConfigFile({ path: join(directories.config, 'node.cfg'), parse: parseNode, serialize: serializeNode });
}

/** What certificates are ordered with: the account, `default` unless another is named, and the names to put in. */
export function acmeOptions(options: NodeOptions): { account: string; domains: AcmeDomain[] } {
  const account = options.acme === undefined ? undefined : parsePropertyString(acmeFormat, options.acme).value;
  const domains: AcmeDomain[] = [];
  for (const key of acmeDomainKeys) {
    const text = options[key];
    if (text === undefined) continue;
    const parsed = parseAcmeDomain(text);
    if (parsed.problem !== undefined) throw new GranaryError('config-invalid', `node.cfg: '${key}': ${parsed.problem}`);
    domains.push(parsed.value);
  }
  return { account: String(account?.['account'] ?? 'default'), domains };
}

const properties: Readonly<Record<string, (typeof nodeSchema.properties)[keyof typeof nodeSchema.properties]>> =
  nodeSchema.properties;

function parseNode(text: string, file: string): NodeOptions {
  const options: Record<string, unknown> = {};
  const description: string[] = [];
  let lineNumber = 0;
  let inHead = true;
  for (const rawLine of text.split('\n')) {
    // A file that somebody edited on another system.
    const line = rawLine.replace(/\r$/, '');
    lineNumber++;
    const fail = (problem: string): GranaryError =>
      new GranaryError('config-invalid', `parsing "${file}" failed: line ${lineNumber} - ${problem}`, {
        details: { file, line: lineNumber },
      });
    if (line.startsWith('#')) {
      // Comments further down are somebody's own; they do not survive a change.
      if (inHead) description.push(decodeLine(line.slice(1)));
      continue;
    }
    if (line.trim() === '') continue;
    inHead = false;
    const match = /^\s*([A-Za-z][^\s:]*)\s*:\s*(.*)$/.exec(line);
    if (!match) throw fail("syntax error (expected 'key: value')");
    const [, key = '', value = ''] = match;
    const schema = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (!schema) throw fail(`unknown property '${key}'`);
    if (Object.hasOwn(options, key)) throw fail(`duplicate property '${key}'`);
    const parsed = parseValue(schema, value.trim());
    if (parsed.problem !== undefined) throw fail(`property '${key}': ${parsed.problem}`);
    options[key] = parsed.value;
  }
  if (description.length > 0) options['description'] = description.join('\n');
  return options as NodeOptions;
}

/** The description first, then the other options in the order of their table. */
function serializeNode(options: NodeOptions, file: string): string {
  let text = '';
  for (const [key, value] of Object.entries(options)) {
    const schema = properties[key];
    const problem = schema ? value !== undefined && checkValue(schema, value) : 'unknown property';
    if (problem) throw new GranaryError('config-invalid', `cannot write "${file}": '${key}': ${problem}`);
  }
  if (options.description) {
    for (const line of options.description.split('\n')) text += `#${encodeLine(line)}\n`;
  }
  for (const key of Object.keys(nodeSchema.properties) as (keyof NodeOptions)[]) {
    const value = options[key];
    if (key === 'description' || value === undefined) continue;
    const line = formatValue(value);
    if (/[\u0000-\u001f\u007f]/.test(line)) {
      throw new GranaryError('config-invalid', `cannot write "${file}": '${key}': control character in value`);
    }
    text += `${key}: ${line}\n`;
  }
  return text;
}

/** Percent signs and control characters as escapes, so that any line comes back as it was. */
function encodeLine(line: string): string {
  return line.replace(/[%\u0000-\u001f\u007f]/g, (char) => encodeURIComponent(char));
}

/** A line that is no valid escaping was written by hand: it is taken as it stands. */
function decodeLine(line: string): string {
  try {
    return decodeURIComponent(line);
  } catch {
    return line;
  }
}
