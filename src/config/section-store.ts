// The sections of one type in a configuration file, as a table of objects: list, get, create, update, remove, with
// the texts that the API answers (rest-api.md 2, 7.5).

import { GranaryError } from '../base/errors.ts';
import type { Static, TObject } from '../model/type.ts';
import { ConfigFile } from './config-file.ts';
import {
  parseSections,
  type Section,
  type SectionFormat,
  type Sections,
  type SectionType,
  serializeSections,
} from './section-config.ts';
import type { ConfigValue } from './value-text.ts';

export interface SectionStoreOptions<S extends TObject> {
  path: string;
  mode?: number;
  /** Section type in the file, also the word for it in `no such TYPE 'ID'`. */
  type: string;
  /** The word in `WHAT 'ID' already exists.` and `WHAT 'ID' does not exist.`; the type when absent. */
  what?: string;
  /** The property that names a section. */
  id: string;
  schema: S;
  /** The other types of sections in the same file; ids are unique over all of them. */
  others?: Readonly<Record<string, SectionType>>;
}

/**
 * A check of a change, made under the lock of the file before anything is written; throws to refuse it. `next` is
 * what the object will be, undefined when it is removed; `before` what it was, undefined when it is new.
 */
export type ChangeCheck<T> = (next: T | undefined, before: T | undefined, all: readonly T[]) => void | Promise<void>;

export interface ChangeOptions<T> {
  /** Refuse the change unless the file still has this digest. */
  digest?: string | undefined;
  check?: ChangeCheck<T> | undefined;
}

/** What a change came from and led to. */
export interface Changed<T> {
  before: T | undefined;
  next: T | undefined;
}

/** A table of objects with ids. `SectionStore` is the usual one; objects in several files have one of their own. */
export interface ConfigTable<T> {
  /** All objects, in the order of the file. */
  list(): { data: T[]; digest: string };
  /** Throws `bad-request` `no such TYPE 'ID'`. */
  get(id: string): { data: T; digest: string };
  /** Throws `already-exists` in the form of a parameter error. */
  create(value: T, o?: ChangeOptions<T>): Promise<Changed<T>>;
  /** Sets what `change` gives and removes the properties that `o.remove` names; undefined values change nothing. */
  update(
    id: string,
    change: Partial<T>,
    o?: ChangeOptions<T> & { remove?: readonly string[] | undefined },
  ): Promise<Changed<T>>;
  /** Throws `not-found` `WHAT 'ID' does not exist.` */
  remove(id: string, o?: ChangeOptions<T>): Promise<Changed<T>>;
}

export class SectionStore<S extends TObject> implements ConfigTable<Static<S>> {
  readonly file: ConfigFile<Sections>;
  readonly #type: string;
  readonly #what: string;
  readonly #id: string;

  constructor(o: SectionStoreOptions<S>) {
    this.#type = o.type;
    this.#what = o.what ?? o.type;
    this.#id = o.id;
    const format: SectionFormat = { types: { ...o.others, [o.type]: { schema: o.schema, id: o.id } } };
    this.file = sectionFile(o.path, format, o.mode);
  }

  list(): { data: Static<S>[]; digest: string } {
    const { value, digest } = this.file.current();
    return { data: this.#all(value), digest };
  }

  /** Undefined when there is none of that id. */
  find(id: string): Static<S> | undefined {
    return this.#find(this.file.current().value, id);
  }

  get(id: string): { data: Static<S>; digest: string } {
    const { value, digest } = this.file.current();
    const data = this.#find(value, id);
    if (data === undefined) throw this.#unknown(id);
    return { data, digest };
  }

  async create(value: Static<S>, o: ChangeOptions<Static<S>> = {}): Promise<Changed<Static<S>>> {
    const id = String((value as Record<string, unknown>)[this.#id]);
    return await this.#change(o.digest, id, async (sections) => {
      // First, so that whoever may not create an object does not learn that it exists.
      await o.check?.(value, undefined, this.#all(sections));
      if (sections.has(id)) throw this.#exists(id);
      return value;
    });
  }

  async update(
    id: string,
    change: Partial<Static<S>>,
    o: ChangeOptions<Static<S>> & { remove?: readonly string[] | undefined } = {},
  ): Promise<Changed<Static<S>>> {
    return await this.#change(o.digest, id, async (sections, before) => {
      if (before === undefined) throw this.#unknown(id);
      const next: Record<string, unknown> = { ...(before as Record<string, unknown>) };
      for (const key of o.remove ?? []) delete next[key];
      for (const [key, value] of Object.entries(change)) {
        if (key !== this.#id && value !== undefined) next[key] = value;
      }
      await o.check?.(next as Static<S>, before, this.#all(sections));
      return next as Static<S>;
    });
  }

  async remove(id: string, o: ChangeOptions<Static<S>> = {}): Promise<Changed<Static<S>>> {
    return await this.#change(o.digest, id, async (sections, before) => {
      if (before === undefined) throw new GranaryError('not-found', `${this.#what} '${id}' does not exist.`);
      await o.check?.(undefined, before, this.#all(sections));
      return undefined;
    });
  }

  async #change(
    digest: string | undefined,
    id: string,
    decide: (sections: Sections, before: Static<S> | undefined) => Promise<Static<S> | undefined>,
  ): Promise<Changed<Static<S>>> {
    let changed: Changed<Static<S>> = { before: undefined, next: undefined };
    await this.file.update(async (sections) => {
      const before = this.#find(sections, id);
      const next = await decide(sections, before);
      if (next === undefined) sections.delete(id);
      else sections.set(id, this.#section(id, next));
      changed = { before, next };
    }, digest);
    return changed;
  }

  #all(sections: Sections): Static<S>[] {
    return [...sections.values()].filter(({ type }) => type === this.#type).map((section) => this.#object(section));
  }

  #find(sections: Sections, id: string): Static<S> | undefined {
    const section = sections.get(id);
    return section?.type === this.#type ? this.#object(section) : undefined;
  }

  #exists(id: string): GranaryError {
    const text = `${this.#what} '${id}' already exists.`;
    return new GranaryError('already-exists', `parameter verification failed - '${this.#id}': ${text}`, {
      parameters: { [this.#id]: text },
    });
  }

  #unknown(id: string): GranaryError {
    return new GranaryError('bad-request', `no such ${this.#type} '${id}'`);
  }

  #object(section: Section): Static<S> {
    return { [this.#id]: section.id, ...section.values } as Static<S>;
  }

  #section(id: string, value: Static<S>): Section {
    const { [this.#id]: _id, ...values } = value as Record<string, ConfigValue>;
    return { type: this.#type, id, values };
  }
}

/** A `ConfigFile` in section format. */
export function sectionFile(path: string, format: SectionFormat, mode?: number): ConfigFile<Sections> {
  return new ConfigFile<Sections>({
    path,
    mode,
    parse: (text) => parseSections(format, text, path),
    serialize: (sections) => serializeSections(format, sections, path),
  });
}
