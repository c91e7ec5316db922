// notifications.cfg and notifications-priv.cfg (config-and-tasks.md 8.1): targets and matchers, some of which exist
// without a section; what is secret of a target lies in the second file. Sections and keys of unknown kinds are kept.

import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { GranaryError } from '../base/errors.ts';
import { type TObject, Type } from '../model/type.ts';
import type { ConfigFile } from './config-file.ts';
import type { Directories } from './directories.ts';
import {
  gotifySchema,
  type Matcher,
  matcherSchema,
  type Origin,
  secretFormat,
  sendmailSchema,
  smtpSchema,
  webhookSchema,
} from './notification-schema.ts';
import { formatPropertyString, parsePropertyString } from './property-string.ts';
import type { Section, SectionFormat, Sections } from './section-config.ts';
import { type Changed, type ChangeOptions, type ConfigTable, sectionFile } from './section-store.ts';
import type { ConfigValue } from './value-text.ts';

/** Kinds of sections, with the fields of both files. */
export const notificationSchemas = {
  sendmail: sendmailSchema,
  smtp: smtpSchema,
  gotify: gotifySchema,
  webhook: webhookSchema,
  matcher: matcherSchema,
} satisfies Record<string, TObject>;
export type NotificationKind = keyof typeof notificationSchemas;
export const targetKinds = ['sendmail', 'smtp', 'gotify', 'webhook'] as const;

/** The field of each kind that is in the secret file. */
const secretFields: Readonly<Partial<Record<NotificationKind, string>>> = {
  smtp: 'password',
  gotify: 'token',
  webhook: 'secret',
};

type Values = Readonly<Record<string, ConfigValue>>;
type NotificationObject = Record<string, ConfigValue>;

/** What is there without a section; a section of that name is a change of it. */
const shipped: readonly Section[] = [
  {
    type: 'sendmail',
    id: 'mail-to-root',
    values: { 'mailto-user': ['root@pam'], comment: "Send mails to root@pam's email address" },
  },
  {
    type: 'matcher',
    id: 'default-matcher',
    values: {
      mode: 'all',
      'invert-match': true,
      'match-field': ['exact:type=prune'],
      'match-severity': ['info'],
      target: ['mail-to-root'],
    },
  },
];

function formatOf(pick: (kind: NotificationKind, schema: TObject) => TObject): SectionFormat {
  const types = Object.entries(notificationSchemas).map(([kind, schema]) => [
    kind,
    { schema: pick(kind as NotificationKind, schema), id: 'name' },
  ]);
  return { types: Object.fromEntries(types), keepUnknown: true };
}

const publicFormat = formatOf((kind, { properties }) => {
  const { [secretFields[kind] ?? '']: _secret, ...fields } = properties;
  return Type.Object(fields);
});
const secretFileFormat = formatOf((kind, { properties }) => {
  const secret = secretFields[kind];
  const fields = { name: properties['name']! };
  return Type.Object(secret === undefined ? fields : { ...fields, [secret]: properties[secret]! });
});

export function notificationFile(directories: Directories): ConfigFile<Sections> {
  return sectionFile(join(directories.config, 'notifications.cfg'), publicFormat);
}

/** Mode 0600. */
export function notificationSecretFile(directories: Directories): ConfigFile<Sections> {
  return sectionFile(join(directories.config, 'notifications-priv.cfg'), secretFileFormat, 0o600);
}

/** All sections, those that are shipped included. */
function withShipped(sections: Sections): Section[] {
  return [...shipped.filter(({ id }) => !sections.has(id)), ...sections.values()];
}

/** Where an object of that name and kind with these values comes from. */
export function originOf(kind: string, name: string, values: Values): Origin {
  const original = shipped.find((section) => section.type === kind && section.id === name);
  if (!original) return 'user-created';
  return isDeepStrictEqual(meaningOf(values), meaningOf(original.values)) ? 'builtin' : 'modified-builtin';
}

/** Values without those that say what is so anyway. */
function meaningOf(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([key, value]) => !(key === 'disable' && value === false)));
}

export interface TargetEntry {
  name: string;
  type: (typeof targetKinds)[number];
  origin: Origin;
  disable?: boolean;
  comment?: string;
}

/** Every target of every kind. */
export function listTargets(sections: Sections): TargetEntry[] {
  const targets: TargetEntry[] = [];
  for (const { type, id, values } of withShipped(sections)) {
    const kind = targetKinds.find((one) => one === type);
    if (!kind) continue;
    const { disable, comment } = values;
    targets.push({
      name: id,
      type: kind,
      origin: originOf(type, id, values),
      ...(typeof disable === 'boolean' ? { disable } : {}),
      ...(typeof comment === 'string' ? { comment } : {}),
    });
  }
  return targets;
}

/** A target as whoever sends needs it, its secrets included. */
export interface StoredTarget {
  name: string;
  kind: (typeof targetKinds)[number];
  disabled: boolean;
  /** The fields of its kind. */
  values: Readonly<Record<string, ConfigValue>>;
}

/** Every target with its secrets, by name, and every matcher; for the process that may read both files. */
export function readForSending(directories: Directories): {
  targets: Map<string, StoredTarget>;
  matchers: Matcher[];
} {
  const secrets = notificationSecretFile(directories).current().value;
  const targets = new Map<string, StoredTarget>();
  const matchers: Matcher[] = [];
  for (const { type, id, values } of withShipped(notificationFile(directories).current().value)) {
    if (type === 'matcher') matchers.push({ ...values, name: id } as Matcher);
    const kind = targetKinds.find((one) => one === type);
    if (kind === undefined) continue;
    const secret = secrets.get(id)?.type === kind ? secrets.get(id)?.values : {};
    targets.set(id, { name: id, kind, disabled: values['disable'] === true, values: { ...values, ...secret } });
  }
  return { targets, matchers };
}

/** Names of the matchers that send to a target. */
export function matchersOf(sections: Sections, target: string): string[] {
  const matchers = withShipped(sections).filter(({ type }) => type === 'matcher');
  return matchers
    .filter(({ values }) => (values['target'] as readonly string[] | undefined)?.includes(target))
    .map(({ id }) => id);
}

/**
 * The objects of one kind. `list` and `get` answer without secrets, of a webhook's with their names only; `create` and
 * `update` take secrets. `update` of a webhook's `secret` keeps the values of those that come without one.
 */
export class NotificationTable implements ConfigTable<NotificationObject> {
  readonly #kind: NotificationKind;
  readonly #file: ConfigFile<Sections>;
  readonly #secretFile: ConfigFile<Sections>;

  constructor(directories: Directories, kind: NotificationKind) {
    this.#kind = kind;
    this.#file = notificationFile(directories);
    this.#secretFile = notificationSecretFile(directories);
  }

  list(): { data: NotificationObject[]; digest: string } {
    const { value, digest } = this.#file.current();
    const secrets = this.#showsSecretNames ? this.#secretFile.current().value : undefined;
    return { data: this.#all(value).map((section) => this.#object(section, secrets)), digest };
  }

  get(id: string): { data: NotificationObject; digest: string } {
    const { data, digest } = this.list();
    const object = data.find(({ name }) => name === id);
    if (!object) throw this.#unknown(id);
    return { data: object, digest };
  }

  async create(
    value: NotificationObject,
    o: ChangeOptions<NotificationObject> = {},
  ): Promise<Changed<NotificationObject>> {
    const id = String(value['name']);
    await this.#file.update(async (sections) => {
      await o.check?.(value, undefined, this.#objects(sections));
      if (withShipped(sections).some((section) => section.id === id)) {
        const text = `${this.#what} '${id}' already exists.`;
        throw new GranaryError('already-exists', `parameter verification failed - 'name': ${text}`, {
          parameters: { name: text },
        });
      }
      const { open, secret } = this.#split(value);
      // The secret first: a target without it would be taken for one that is complete.
      await this.#writeSecret(id, secret ?? null);
      sections.set(id, { type: this.#kind, id, values: open });
    }, o.digest);
    return { before: undefined, next: value };
  }

  async update(
    id: string,
    change: Partial<NotificationObject>,
    o: ChangeOptions<NotificationObject> & { remove?: readonly string[] | undefined } = {},
  ): Promise<Changed<NotificationObject>> {
    let changed: Changed<NotificationObject> = { before: undefined, next: undefined };
    await this.#file.update(async (sections) => {
      const section = this.#find(sections, id);
      if (!section) throw this.#unknown(id);
      const values: NotificationObject = { ...section.values };
      for (const key of o.remove ?? []) delete values[key];
      const { open, secret } = this.#split(change);
      Object.assign(values, open);
      const before = this.#object(section);
      const next = this.#object({ ...section, values });
      await o.check?.(next, before, this.#objects(sections));
      const removed = o.remove?.includes(secretFields[this.#kind] ?? '') === true;
      if (removed || secret !== undefined) await this.#writeSecret(id, secret ?? null);
      sections.set(id, { ...section, values });
      changed = { before, next };
    }, o.digest);
    return changed;
  }

  /** Removes an object; one that is shipped comes back as it was shipped. */
  async remove(id: string, o: ChangeOptions<NotificationObject> = {}): Promise<Changed<NotificationObject>> {
    let before: NotificationObject | undefined;
    await this.#file.update(async (sections) => {
      const section = this.#find(sections, id);
      if (!section) throw new GranaryError('not-found', `${this.#what} '${id}' does not exist.`);
      before = this.#object(section);
      await o.check?.(undefined, before, this.#objects(sections));
      await this.#writeSecret(id, null);
      sections.delete(id);
    }, o.digest);
    return { before, next: undefined };
  }

  get #what(): string {
    return this.#kind === 'matcher' ? 'matcher' : 'endpoint';
  }

  get #showsSecretNames(): boolean {
    return this.#kind === 'webhook';
  }

  #all(sections: Sections): Section[] {
    return withShipped(sections).filter(({ type }) => type === this.#kind);
  }

  #objects(sections: Sections): NotificationObject[] {
    return this.#all(sections).map((section) => this.#object(section));
  }

  #find(sections: Sections, id: string): Section | undefined {
    return this.#all(sections).find((section) => section.id === id);
  }

  #unknown(id: string): GranaryError {
    return new GranaryError('bad-request', `no such ${this.#what} '${id}'`);
  }

  /** The known fields of a section; of secrets the names. */
  #object(section: Section, secrets?: Sections): NotificationObject {
    const object: NotificationObject = { name: section.id };
    for (const key of Object.keys(notificationSchemas[this.#kind].properties)) {
      const value = section.values[key];
      if (value !== undefined) object[key] = value;
    }
    const stored = secrets?.get(section.id)?.values['secret'];
    if (Array.isArray(stored)) {
      object['secret'] = stored.map((one) => formatPropertyString(secretFormat, { name: nameOfSecret(String(one)) }));
    }
    return object;
  }

  #split(value: Partial<NotificationObject>): { open: NotificationObject; secret: ConfigValue | undefined } {
    const field = secretFields[this.#kind];
    const open: NotificationObject = {};
    let secret: ConfigValue | undefined;
    for (const [key, one] of Object.entries(value)) {
      if (one === undefined || key === 'name') continue;
      if (key === field) secret = one;
      else open[key] = one;
    }
    return { open, secret };
  }

  /** Sets the secret of a target; null removes it. */
  async #writeSecret(id: string, secret: ConfigValue | null): Promise<void> {
    const field = secretFields[this.#kind];
    if (field === undefined) return;
    await this.#secretFile.update((sections) => {
      const section = sections.get(id);
      const { [field]: old, ...others } = section?.type === this.#kind ? section.values : {};
      const value = secret !== null && this.#kind === 'webhook' ? withOldValues(secret, old) : secret;
      const empty = value === null || (Array.isArray(value) && value.length === 0);
      if (!empty) sections.set(id, { type: this.#kind, id, values: { ...others, [field]: value } });
      else sections.delete(id);
    });
  }
}

const nameOfSecret = (text: string): string => String(parsePropertyString(secretFormat, text).value?.['name'] ?? '');

/** Secrets without a value keep the one they have. Throws `parameter-invalid` for one that has none. */
function withOldValues(secrets: ConfigValue, old: ConfigValue | undefined): string[] {
  const stored = Array.isArray(old) ? old.map(String) : [];
  return (secrets as readonly string[]).map((text) => {
    if (parsePropertyString(secretFormat, text).value?.['value'] !== undefined) return text;
    const name = nameOfSecret(text);
    const kept = stored.find((one) => nameOfSecret(one) === name);
    if (kept !== undefined) return kept;
    const problem = `secret '${name}' has no value.`;
    throw new GranaryError('parameter-invalid', `parameter verification failed - 'secret': ${problem}`, {
      parameters: { secret: problem },
    });
  });
}
