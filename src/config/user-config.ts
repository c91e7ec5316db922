// user.cfg: users and their API tokens in one file (access-control.md 8).

import { join } from 'node:path';
import { type AuthId, isToken, rootUser, userOf } from '../model/auth-id.ts';
import type { ConfigFile } from './config-file.ts';
import type { Directories } from './directories.ts';
import { type SectionFormat, type Sections, sectionObject } from './section-config.ts';
import { sectionFile } from './section-store.ts';
import { type TokenEntry, tokenSchema, type UserEntry, userSchema } from './user-schema.ts';

const types = { user: { schema: userSchema, id: 'userid' }, token: { schema: tokenSchema, id: 'tokenid' } };
const format: SectionFormat = { types };

/** What stands for the superuser while the file does not name it. */
const implicitRoot: UserEntry = { userid: rootUser, comment: 'Superuser' };

export function userConfigFile(directories: Directories): ConfigFile<Sections> {
  return sectionFile(join(directories.config, 'user.cfg'), format);
}

/** The user of that id; the superuser always exists. */
export function findUser(sections: Sections, userId: AuthId): UserEntry | undefined {
  const section = sections.get(userId);
  if (section?.type === 'user') return sectionObject(types.user, section) as UserEntry;
  return userId === rootUser ? implicitRoot : undefined;
}

export function findToken(sections: Sections, tokenId: AuthId): TokenEntry | undefined {
  const section = sections.get(tokenId);
  return section?.type === 'token' ? (sectionObject(types.token, section) as TokenEntry) : undefined;
}

/** All users in the order of the file, the superuser first if the file lacks it. */
export function listUsers(sections: Sections): UserEntry[] {
  const users = [...sections.values()].filter((section) => section.type === 'user');
  const entries = users.map((section) => sectionObject(types.user, section) as UserEntry);
  return sections.get(rootUser)?.type === 'user' ? entries : [implicitRoot, ...entries];
}

/** The tokens of a user, or of all, in the order of the file. */
export function listTokens(sections: Sections, userId?: AuthId): TokenEntry[] {
  const tokens = [...sections.values()].filter(
    (section) => section.type === 'token' && (userId === undefined || userOf(section.id) === userId),
  );
  return tokens.map((section) => sectionObject(types.token, section) as TokenEntry);
}

export function putUser(sections: Sections, { userid, ...values }: UserEntry): void {
  sections.set(userid, { type: 'user', id: userid, values });
}

export function putToken(sections: Sections, { tokenid, ...values }: TokenEntry): void {
  sections.set(tokenid, { type: 'token', id: tokenid, values });
}

/**
 * Whether a user or a token, and then its user too, exists, is enabled and has not expired at `now` (epoch
 * seconds).
 */
export function isActive(sections: Sections, authId: AuthId, now: number): boolean {
  const user = findUser(sections, userOf(authId));
  if (!user || !isEntryActive(user, now)) return false;
  if (!isToken(authId)) return true;
  const token = findToken(sections, authId);
  return token !== undefined && isEntryActive(token, now);
}

function isEntryActive(entry: { enable?: boolean; expire?: number }, now: number): boolean {
  return entry.enable !== false && ((entry.expire ?? 0) === 0 || entry.expire! > now);
}
