// The second home of what a datastore has besides chunks: its files as objects in a bucket, `PREFIX/.cnt/PATH`
// (docs/decisions/0007). A datastore on a file system has none, and then nothing happens here.
//
// What is new is in the bucket before it is seen locally; what is removed goes from the bucket first, but for manifests:
// those go here before, so that what is finished here is so in the bucket. The bucket alone is a datastore at any time,
// as new as anything that was ever acknowledged.

import * as fs from 'node:fs';
import type { ObjectStore } from '../object-store/contract.ts';

export interface Mirror {
  /** Before the file at an absolute path is made or replaced. */
  put(path: string, content: Uint8Array | string): Promise<void>;
  /** The same; the content is in the file `from`. */
  putFile(path: string, from: string): Promise<void>;
  /** Before files are removed; those that are not there are no error. */
  remove(...paths: string[]): Promise<void>;
  /** Before a directory is removed with all in it; the file `first` in it goes before the others. */
  removeTree(directory: string, first: string): Promise<void>;
  /** Whether the file at an absolute path is there. */
  has(path: string): Promise<boolean>;
}

/** Of a datastore that is nowhere else. */
export const noMirror: Mirror = {
  async put() {},
  async putFile() {},
  async remove() {},
  async removeTree() {},
  async has() {
    return true;
  },
};

/** Where the files of a datastore are in the bucket. */
export const contentKeys = (prefix: string): string => `${prefix}/.cnt/`;

/** In the directory of each namespace in the bucket, which knows no empty directories. */
export const namespaceMark = '.namespace';

export class ObjectMirror implements Mirror {
  readonly #objects: ObjectStore;
  readonly #keys: string;
  readonly #base: string;

  /** For the files below `base`; `prefix` is what the keys of the datastore begin with. */
  constructor(objects: ObjectStore, prefix: string, base: string) {
    this.#objects = objects;
    this.#keys = contentKeys(prefix);
    this.#base = base;
  }

  #key(path: string): string {
    return `${this.#keys}${path.slice(this.#base.length + 1)}`;
  }

  async put(path: string, content: Uint8Array | string): Promise<void> {
    await this.#objects.put(this.#key(path), typeof content === 'string' ? Buffer.from(content) : content);
  }

  async putFile(path: string, from: string): Promise<void> {
    await this.#objects.put(this.#key(path), await fs.promises.readFile(from));
  }

  async remove(...paths: string[]): Promise<void> {
    await this.#objects.delete(paths.map((path) => this.#key(path)));
  }

  async removeTree(directory: string, first: string): Promise<void> {
    await this.remove(`${directory}/${first}`);
    const keys: string[] = [];
    for await (const { key } of this.#objects.list(`${this.#key(directory)}/`)) keys.push(key);
    if (keys.length > 0) await this.#objects.delete(keys);
  }

  async has(path: string): Promise<boolean> {
    return (await this.#objects.head(this.#key(path))) !== undefined;
  }
}
