// A configuration file whose sections are all of one type, as a table of objects: list, get, create, update,
// remove, with the texts that the API answers (rest-api.md 2, 7.5).

import type { Static, TObject } from 'typebox';
import { GranaryError } from '../base/errors.ts';
import { ConfigFile, type Loaded } from './config-file.ts';
import { parseSections, type Section, type SectionFormat, type Sections, serializeSections } from './section-config.ts';
import type { ConfigValue } from './value-text.ts';

export interface SectionStoreOptions<S extends TObject> {
  path: string;
  mode?: number;
  /** Section type in the file, and the word for it in texts unless `what` says otherwise. */
  type: string;
  what?: string;
  /** The property that names a section. */
  id: string;
  schema: S;
}

export class SectionStore<S extends TObject> {
  readonly file: ConfigFile<Sections>;
  readonly #type: string;
  readonly #what: string;
  readonly #id: string;

  constructor(o: SectionStoreOptions<S>) {
    this.#type = o.type;
    this.#what = o.what ?? o.type;
    this.#id = o.id;
    const format: SectionFormat = { types: { [o.type]: { schema: o.schema, id: o.id } } };
    this.file = sectionFile(o.path, format, o.mode);
  }

  /** All objects, in the order of the file. */
  list(): { data: Static<S>[]; digest: string } {
    const { value, digest } = this.file.current();
    return { data: [...value.values()].map((section) => this.#object(section)), digest };
  }

  /** Undefined when there is none of that id. */
  find(id: string): Static<S> | undefined {
    const section = this.file.current().value.get(id);
    return section && this.#object(section);
  }

  /** Throws `bad-request` `no such WHAT 'ID'`. */
  get(id: string): { data: Static<S>; digest: string } {
    const { value, digest } = this.file.current();
    const section = value.get(id);
    if (!section) throw new GranaryError('bad-request', `no such ${this.#what} '${id}'`);
    return { data: this.#object(section), digest };
  }

  /** Throws `already-exists` in the form of a parameter error. */
  async create(value: Static<S>, digest?: string): Promise<Loaded<Sections>> {
    const { [this.#id]: id, ...values } = value as Record<string, ConfigValue>;
    const name = String(id);
    return this.file.update((sections) => {
      if (sections.has(name)) {
        const text = `${this.#what} '${name}' already exists.`;
        throw new GranaryError('already-exists', `parameter verification failed - '${this.#id}': ${text}`, {
          parameters: { [this.#id]: text },
        });
      }
      sections.set(name, this.#section(name, values));
    }, digest);
  }

  /** Sets what `change` gives and removes the properties that `o.remove` names. */
  async update(
    id: string,
    change: Partial<Static<S>>,
    o: { remove?: readonly string[]; digest?: string } = {},
  ): Promise<Loaded<Sections>> {
    return this.file.update((sections) => {
      const section = sections.get(id);
      if (!section) throw new GranaryError('bad-request', `no such ${this.#what} '${id}'`);
      const values: Record<string, ConfigValue> = { ...section.values };
      for (const key of o.remove ?? []) delete values[key];
      for (const [key, value] of Object.entries(change as Record<string, ConfigValue | undefined>)) {
        if (key !== this.#id && value !== undefined) values[key] = value;
      }
      sections.set(id, this.#section(id, values));
    }, o.digest);
  }

  /** Throws `not-found` `WHAT 'ID' does not exist.` */
  async remove(id: string, digest?: string): Promise<Loaded<Sections>> {
    return this.file.update((sections) => {
      if (!sections.delete(id)) throw new GranaryError('not-found', `${this.#what} '${id}' does not exist.`);
    }, digest);
  }

  #object(section: Section): Static<S> {
    return { [this.#id]: section.id, ...section.values } as Static<S>;
  }

  #section(id: string, values: Record<string, ConfigValue>): Section {
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
