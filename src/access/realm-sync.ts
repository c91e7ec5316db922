// Takes over the users of a directory into user.cfg (access-control.md 10). The whole directory is read before anything
// is changed: half an answer never makes users vanish.

import { GranaryError } from '../base/errors.ts';
import { aclConfigFile } from '../config/acl-config.ts';
import type { Directories } from '../config/directories.ts';
import type { Sections } from '../config/section-config.ts';
import { listUsers, putUser, userConfigFile } from '../config/user-config.ts';
import { type UserEntry, userSchema } from '../config/user-schema.ts';
import { checkValue } from '../config/value-text.ts';
import { type AuthId, parseAuthId, userOf } from '../model/auth-id.ts';
import { firstValue, LdapConnection } from './ldap-connection.ts';
import { type LdapSettings, ldapSettings, type RemovableKind, type SyncedProperty } from './ldap-settings.ts';
import type { RealmStore } from './realm-store.ts';
import type { Users } from './users.ts';

/** What a synchronization says, and the signal that stops it: a worker task. */
export interface SyncReport {
  readonly signal: AbortSignal;
  log(text: string): void;
  warn(text: string): void;
}

/** Absent options are those of the realm. */
export interface SyncOptions {
  dryRun?: boolean | undefined;
  removeVanished?: readonly RemovableKind[] | undefined;
  enableNew?: boolean | undefined;
}

export interface SyncAccess {
  readonly users: Users;
  readonly realmStore: RealmStore;
}

type Found = Map<AuthId, Partial<Record<SyncedProperty, string>>>;

interface Plan {
  create: UserEntry[];
  update: { user: UserEntry; changed: string[] }[];
  /** Users of the realm that the directory does not have. */
  vanished: AuthId[];
}

/** The settings of a realm that can be synchronized. Throws `bad-request` when it cannot. */
export function syncedRealm(store: RealmStore, realm: string): LdapSettings {
  const entry = store.find('ldap', realm) ?? store.find('ad', realm);
  if (entry) return ldapSettings(entry, store.passwordOf(realm));
  const known = store.listAll().data.find((other) => other.realm === realm);
  const text = known ? `realm '${realm}' of type '${known.type}' has no directory` : `no such realm '${realm}'`;
  throw new GranaryError('bad-request', text);
}

/** Throws `connection` when the directory cannot be read to its end; then nothing was changed. */
export async function syncRealm(
  directories: Directories,
  access: SyncAccess,
  realm: string,
  o: SyncOptions,
  report: SyncReport,
): Promise<void> {
  const settings = syncedRealm(access.realmStore, realm);
  const removed = new Set(o.removeVanished ?? settings.syncDefaults.removeVanished);
  const enableNew = o.enableNew ?? settings.syncDefaults.enableNew;
  report.log(`starting realm sync for '${realm}'`);
  if (o.dryRun) report.log('this is a dry run: nothing is changed');
  const found = await readDirectory(settings, report);
  const planOf = (sections: Sections): Plan => plan(sections, found, settings, removed.has('properties'), enableNew);

  const file = userConfigFile(directories);
  let planned = planOf(file.current().value);
  checkVanished(planned, found, removed, realm);
  report.signal.throwIfAborted();
  if (!o.dryRun) {
    await file.update((sections) => {
      planned = planOf(sections);
      for (const user of [...planned.create, ...planned.update.map((one) => one.user)]) putUser(sections, user);
    });
  }
  for (const user of planned.create) report.log(`create user '${user.userid}'`);
  for (const { user, changed } of planned.update) report.log(`update user '${user.userid}': ${changed.join(', ')}`);
  const vanished = new Set(planned.vanished);
  if (removed.has('acl') && vanished.size > 0) {
    for (const user of vanished) report.log(`remove access rules of user '${user}'`);
    if (!o.dryRun) await aclConfigFile(directories).update((tree) => tree.removeAll((id) => vanished.has(userOf(id))));
  }
  if (removed.has('entry')) {
    for (const user of vanished) {
      report.signal.throwIfAborted();
      report.log(`remove user '${user}'`);
      if (!o.dryRun) await access.users.remove(user);
    }
  }
  const counts = [
    `${planned.create.length} created`,
    `${planned.update.length} updated`,
    `${removed.has('entry') ? vanished.size : 0} removed`,
  ];
  report.log(`realm sync for '${realm}' finished: ${counts.join(', ')}`);
}

async function readDirectory(settings: LdapSettings, report: SyncReport): Promise<Found> {
  const found: Found = new Map();
  await using connection = await LdapConnection.open(settings);
  const base = settings.baseDn ?? (await connection.defaultNamingContext());
  const attributes = [settings.userAttribute, ...Object.values(settings.syncAttributes)];
  const entries = connection.entries(base, { classes: settings.userClasses, filter: settings.filter, attributes });
  for await (const entry of entries) {
    report.signal.throwIfAborted();
    const name = firstValue(entry, settings.userAttribute);
    if (name === undefined) {
      report.warn(`'${entry.dn}' has no attribute '${settings.userAttribute}': left out`);
      continue;
    }
    const userId = `${name}@${settings.realm}`;
    if (parseAuthId(userId)?.userId !== userId) report.warn(`'${entry.dn}': '${userId}' is no user id: left out`);
    else if (found.has(userId)) report.warn(`'${entry.dn}': there is another '${userId}': left out`);
    else found.set(userId, synced());

    function synced(): Partial<Record<SyncedProperty, string>> {
      const properties: Partial<Record<SyncedProperty, string>> = {};
      for (const [property, attribute] of Object.entries(settings.syncAttributes) as [SyncedProperty, string][]) {
        const value = firstValue(entry, attribute)?.trim();
        if (!value) continue;
        const problem = checkValue(userSchema.properties[property], value);
        if (problem === undefined) properties[property] = value;
        else report.warn(`user '${userId}': ${property}: ${problem}`);
      }
      return properties;
    }
  }
  report.log(`found ${found.size} users at '${connection.url}'`);
  return found;
}

function plan(sections: Sections, found: Found, s: LdapSettings, clear: boolean, enable: boolean): Plan {
  const present = new Map(
    listUsers(sections)
      .filter(({ userid }) => parseAuthId(userid)?.realm === s.realm)
      .map((user) => [user.userid, user] as const),
  );
  const planned: Plan = { create: [], update: [], vanished: [...present.keys()].filter((user) => !found.has(user)) };
  for (const [userid, properties] of found) {
    const user = present.get(userid);
    if (!user) {
      planned.create.push({ userid, enable, ...properties });
      continue;
    }
    const next: UserEntry = { ...user, ...properties };
    if (clear) {
      for (const property of Object.keys(s.syncAttributes) as SyncedProperty[]) {
        if (properties[property] === undefined) delete next[property];
      }
    }
    const names = new Set([...Object.keys(user), ...Object.keys(next)]) as Set<keyof UserEntry>;
    const changed = [...names].filter((name) => user[name] !== next[name]);
    if (changed.length > 0) planned.update.push({ user: next, changed });
  }
  return planned;
}

/** A directory without users is more often a wrong filter than the end of the company. */
function checkVanished(planned: Plan, found: Found, removed: ReadonlySet<RemovableKind>, realm: string): void {
  if (found.size > 0 || planned.vanished.length === 0) return;
  if (!removed.has('entry') && !removed.has('acl')) return;
  throw new GranaryError(
    'bad-request',
    `the directory shows no users for realm '${realm}', and all would be removed: check base-dn, filter and user-classes`,
  );
}
