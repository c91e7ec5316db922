// What a backup is made of: `NAME.TYPE:PATH` arguments, checked before anything is sent (cli.md 4).

import { type Stats, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { GranaryError, messageOf } from '../base/errors.ts';

export type SourceKind = 'pxar' | 'img' | 'conf' | 'log';

export interface BackupSource {
  /** Archive name with type: `root.pxar`. */
  readonly name: string;
  /** Without type: `root`. */
  readonly base: string;
  readonly kind: SourceKind;
  readonly path: string;
}

/** Parses one argument; throws `usage`. */
export function parseBackupSource(text: string): BackupSource {
  const match = /^([a-zA-Z0-9_-]+)\.(pxar|img|conf|log):([\s\S]+)$/.exec(text);
  if (!match) {
    throw new GranaryError('usage', `unable to parse backup source specification '${text}'`, {
      details: { hint: "Write NAME.TYPE:PATH with type pxar, img, conf or log, as in 'root.pxar:/'." },
    });
  }
  return { name: `${match[1]}.${match[2]}`, base: match[1]!, kind: match[2] as SourceKind, path: match[3]! };
}

/** Parses all arguments; no archive may be given twice. Each path has to be what its type needs. */
export function parseBackupSources(texts: readonly string[]): BackupSource[] {
  const sources = texts.map(parseBackupSource);
  const seen = new Set<string>();
  for (const source of sources) {
    if (seen.has(source.name)) throw new GranaryError('usage', `archive name '${source.name}' is given more than once`);
    seen.add(source.name);
    checkSource(source);
  }
  return sources;
}

function checkSource(source: BackupSource): void {
  let stat: Stats;
  try {
    stat = statSync(source.path);
  } catch (error) {
    throw new GranaryError('io', `unable to access '${source.path}': ${messageOf(error)}`, { cause: error });
  }
  const wanted = (ok: boolean, what: string): void => {
    if (!ok) throw new GranaryError('usage', `'${source.path}' is no ${what}, which ${source.name} has to be`);
  };
  if (source.kind === 'pxar') wanted(stat.isDirectory(), 'directory');
  else if (source.kind === 'img') {
    wanted(
      stat.isFile() || stat.isBlockDevice() || stat.isFIFO() || stat.isCharacterDevice(),
      'file, block device or pipe',
    );
  } else wanted(stat.isFile(), 'regular file');
}

/** Bytes of an image; undefined when only reading it to its end will tell. */
export async function imageSize(path: string): Promise<number | undefined> {
  const stat = statSync(path);
  if (stat.isFile()) return stat.size;
  if (!stat.isBlockDevice()) return undefined;
  const [major, minor] = [(stat.rdev >> 8) & 0xfff, (stat.rdev & 0xff) | ((stat.rdev >> 12) & 0xfff00)];
  const sectors = Number((await readFile(`/sys/dev/block/${major}:${minor}/size`, 'utf8')).trim());
  return Number.isSafeInteger(sectors) ? sectors * 512 : undefined;
}
