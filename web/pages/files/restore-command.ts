// The exact command that restores a snapshot or a part of it, quoted for the shell (cli.md 3).

import { partsOf, plainName } from './entry.ts';

export interface RestoreFacts {
  /** `user@realm@host:port:datastore`. */
  repository: string;
  ns: string;
  type: string;
  id: string;
  /** Epoch seconds. */
  time: number;
  /** Stored name of the archive. */
  archive: string;
  /** Base64 of `ARCHIVE/PATH`; without any the whole archive. */
  paths: readonly string[];
  /** A folder, or for an image or blob the file. */
  target: string;
  /** Path of the key file on that machine, for encrypted snapshots. */
  keyfile?: string;
  fingerprint?: string;
}

export const snapshotPath = ({ type, id, time }: Pick<RestoreFacts, 'type' | 'id' | 'time'>): string =>
  `${type}/${id}/${new Date(time * 1000).toISOString().slice(0, 19)}Z`;

/** One word of a command line: bare where nothing in it is special. Control characters take a form that bash and zsh know. */
export function shellWord(word: string): string {
  if (/^[A-Za-z0-9_./:@%+=,-]+$/.test(word)) return word;
  // Control characters would break the line, or hide what it does.
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(word)) {
    const escaped = [...new TextEncoder().encode(word)].map((byte) =>
      byte < 0x20 || byte > 0x7e || byte === 0x27 || byte === 0x5c
        ? `\\x${byte.toString(16).padStart(2, '0')}`
        : String.fromCharCode(byte),
    );
    return `$'${escaped.join('')}'`;
  }
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A pattern that matches this very path and what is below, from the archive's root. */
export function patternOf(id: string): string {
  const path = new TextDecoder().decode(partsOf(id).inside);
  return `/${path.replace(/[\\*?[\]]/g, '\\$&')}`;
}

/** For any machine with the client. The lines before the command say which server is meant. */
export function clientCommand(facts: RestoreFacts): string {
  const words = ['proxmox-backup-client', 'restore', snapshotPath(facts), plainName(facts.archive), facts.target];
  if (facts.ns !== '') words.push('--ns', facts.ns);
  for (const path of facts.paths) words.push('--pattern', patternOf(path));
  if (facts.keyfile !== undefined) words.push('--keyfile', facts.keyfile);
  const lines = [`export PBS_REPOSITORY=${shellWord(facts.repository)}`];
  if (facts.fingerprint !== undefined) lines.push(`export PBS_FINGERPRINT=${shellWord(facts.fingerprint)}`);
  return [...lines, words.map(shellWord).join(' ')].join('\n');
}

/** For a virtualisation host that has this datastore as a storage: the whole guest. Undefined for hosts. */
export function guestCommand(
  facts: Pick<RestoreFacts, 'type' | 'id' | 'time'>,
  where: { storage: string; guest: string; target: string },
): string | undefined {
  const volume = `${where.storage}:backup/${snapshotPath(facts)}`;
  const target = where.target === '' ? [] : ['--storage', where.target];
  if (facts.type === 'vm') return ['qmrestore', volume, where.guest, ...target].map(shellWord).join(' ');
  if (facts.type === 'ct') return ['pct', 'restore', where.guest, volume, ...target].map(shellWord).join(' ');
  return undefined;
}
