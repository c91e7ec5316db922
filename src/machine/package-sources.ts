// Where apt gets packages from: sources.list in one-line form, *.sources in deb822 form (rest-api.md 7.6
// "apt/repositories"). Turning one on or off changes its line or its stanza only.

import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { GranaryError, isErrno, messageOf } from '../base/errors.ts';
import { checkDigest } from '../config/config-file.ts';
import type { Directories } from '../config/directories.ts';
import type { Machine } from './machine.ts';
import { replaceSystemFile, withSystemFile } from './system-file.ts';

export interface Repository {
  Types: string[];
  URIs: string[];
  Suites: string[];
  Components: string[];
  Options?: { Key: string; Values: string[] }[];
  Comment?: string;
  FileType: 'list' | 'sources';
  Enabled: boolean;
}

export interface SourceFile {
  path: string;
  'file-type': 'list' | 'sources';
  repositories: Repository[];
  /** SHA-256 of the file as bytes. */
  digest: number[];
}

export interface PackageSources {
  files: SourceFile[];
  errors: { path: string; error: string }[];
  /** Of all files together. */
  digest: string;
}

const listFile = '/etc/apt/sources.list';
const folder = '/etc/apt/sources.list.d';

/** Reads every file; one that cannot be read or parsed is among the errors. */
export async function readPackageSources(machine: Machine): Promise<PackageSources> {
  const files: SourceFile[] = [];
  const errors: PackageSources['errors'] = [];
  const whole = createHash('sha256');
  for (const path of sourceFiles(machine)) {
    try {
      const text = await machine.read(path);
      if (text === undefined) continue;
      const digest = createHash('sha256').update(text).digest();
      whole.update(path).update(digest);
      const type = path.endsWith('.sources') ? 'sources' : 'list';
      const repositories = type === 'sources' ? parseDeb822(text) : parseList(text);
      files.push({ path, 'file-type': type, repositories, digest: [...digest] });
    } catch (error) {
      errors.push({ path, error: messageOf(error) });
    }
  }
  return { files, errors, digest: whole.digest('hex') };
}

/** Turns the `index`th repository of a file on or off. Throws `not-found` when there is none. */
export async function enableRepository(
  machine: Machine,
  directories: Directories,
  o: { path: string; index: number; enabled: boolean; digest?: string | undefined },
): Promise<void> {
  if (!sourceFiles(machine).includes(o.path))
    throw new GranaryError('not-found', `"${o.path}" is no file of apt's sources`);
  await withSystemFile(directories, listFile, async () => {
    checkDigest((await readPackageSources(machine)).digest, o.digest);
    const text = (await machine.read(o.path)) ?? '';
    const edit = o.path.endsWith('.sources') ? enableInDeb822 : enableInList;
    const after = edit(text, o.index, o.enabled);
    if (after === undefined) throw new GranaryError('not-found', `"${o.path}" has no repository ${o.index}`);
    if (after !== text) await replaceSystemFile(machine, o.path, after);
  });
}

function sourceFiles(machine: Machine): string[] {
  let more: string[] = [];
  try {
    more = readdirSync(machine.path(folder));
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
  const named = more.filter((name) => /^[A-Za-z0-9._-]+\.(list|sources)$/.test(name)).sort();
  return [listFile, ...named.map((name) => `${folder}/${name}`)];
}

const listLine = /^(#[#\s]*)?(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)\s*(?:#\s*(.*?))?\s*$/;

/** The lines that are repositories, commented out ones too; prose is none. */
export function parseList(text: string): Repository[] {
  return text.split('\n').flatMap((line) => {
    const repository = parseListLine(line);
    return repository === undefined ? [] : [repository];
  });
}

function parseListLine(line: string): Repository | undefined {
  const [, hash, type, options, uri, suite, components = '', comment] = listLine.exec(line.trim()) ?? [];
  // In a comment only what looks like an address makes a repository of it.
  if (type === undefined || uri === undefined || suite === undefined || !/^[a-z][a-z0-9+.-]*:/.test(uri))
    return undefined;
  return {
    Types: [type],
    URIs: [uri],
    Suites: [suite],
    Components: words(components),
    ...(options === undefined ? {} : { Options: words(options).map(parseListOption) }),
    ...(comment ? { Comment: comment } : {}),
    FileType: 'list',
    Enabled: hash === undefined,
  };
}

function parseListOption(text: string): { Key: string; Values: string[] } {
  const [, key = text, values = ''] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  return { Key: key, Values: values.split(',').filter((value) => value !== '') };
}

function enableInList(text: string, index: number, enabled: boolean): string | undefined {
  const lines = text.split('\n');
  const at = lines.map((line, i) => (parseListLine(line) === undefined ? -1 : i)).filter((i) => i >= 0)[index];
  if (at === undefined) return undefined;
  if (parseListLine(lines[at]!)!.Enabled === enabled) return text;
  lines[at] = enabled ? lines[at]!.replace(/^\s*#[#\s]*/, '') : `# ${lines[at]!}`;
  return lines.join('\n');
}

/** Throws for a stanza without what a repository needs. */
export function parseDeb822(text: string): Repository[] {
  return stanzas(text).map(({ fields, comments }) => {
    const list = (key: string): string[] => words(fields.get(key.toLowerCase())?.value ?? '');
    const known = ['types', 'uris', 'suites', 'components', 'enabled'];
    const options = [...fields].filter(([key]) => !known.includes(key));
    for (const key of ['Types', 'URIs', 'Suites']) {
      if (list(key).length === 0) throw new GranaryError('config-invalid', `a stanza has no '${key}'`);
    }
    return {
      Types: list('Types'),
      URIs: list('URIs'),
      Suites: list('Suites'),
      Components: list('Components'),
      ...(options.length === 0
        ? {}
        : {
            Options: options.map(([, { key, value }]) => ({
              Key: key,
              Values: value.includes('\n') ? [value] : words(value),
            })),
          }),
      ...(comments.length === 0 ? {} : { Comment: comments.join('\n') }),
      FileType: 'sources' as const,
      Enabled: !/^(no|false|0|off|without|disable)$/i.test(fields.get('enabled')?.value.trim() ?? 'yes'),
    };
  });
}

function enableInDeb822(text: string, index: number, enabled: boolean): string | undefined {
  const stanza = stanzas(text)[index];
  if (stanza === undefined) return undefined;
  const lines = text.split('\n');
  const line = `Enabled: ${enabled ? 'yes' : 'no'}`;
  const present = stanza.fields.get('enabled');
  if (present) lines[present.line] = line;
  else if (!enabled) lines.splice(stanza.lastLine + 1, 0, line);
  return lines.join('\n');
}

interface Stanza {
  fields: Map<string, { key: string; value: string; line: number }>;
  comments: string[];
  lastLine: number;
}

function stanzas(text: string): Stanza[] {
  const found: Stanza[] = [];
  let open: Stanza | undefined;
  let last: { value: string } | undefined;
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') {
      open = undefined;
      return;
    }
    if (open === undefined) {
      open = { fields: new Map(), comments: [], lastLine: i };
      last = undefined;
      found.push(open);
    }
    open.lastLine = i;
    const [, key, value = ''] = /^([A-Za-z0-9-]+):[ \t]*(.*)$/.exec(line) ?? [];
    if (line.startsWith('#')) open.comments.push(line.slice(1).trim());
    else if (key !== undefined) {
      const field = { key, value, line: i };
      open.fields.set(key.toLowerCase(), field);
      last = field;
    } else if (/^[ \t]/.test(line) && last) last.value += `\n${line.trim()}`;
    else throw new GranaryError('config-invalid', `line ${i + 1} is neither a field nor a comment`);
  });
  return found.filter((stanza) => stanza.fields.size > 0);
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
