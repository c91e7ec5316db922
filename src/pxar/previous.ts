// Finds the entries of one directory in the previous archive while the current one is walked in name order:
// two sorted lists side by side, instead of a hash search for each name.

import type { DirectoryNode, PxarAccessor, PxarNode } from './accessor.ts';

export class PreviousDirectory {
  readonly #nodes: AsyncIterator<PxarNode>;
  #current: PxarNode | undefined = undefined;
  #started = false;

  constructor(accessor: PxarAccessor, directory: DirectoryNode) {
    this.#nodes = accessor.list(directory);
  }

  /**
   * The previous entry of that name. Names have to be asked for in ascending byte order. Where the previous archive
   * does not keep that order itself an entry may be missed, which costs reading the file and nothing else.
   */
  async find(name: Uint8Array): Promise<PxarNode | undefined> {
    if (!this.#started) await this.#advance();
    this.#started = true;
    while (this.#current !== undefined) {
      const order = Buffer.compare(this.#current.name, name);
      if (order === 0) return this.#current;
      if (order > 0) return undefined;
      await this.#advance();
    }
    return undefined;
  }

  async #advance(): Promise<void> {
    const next = await this.#nodes.next();
    this.#current = next.done ? undefined : next.value;
  }
}
