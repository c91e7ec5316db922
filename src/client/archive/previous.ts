// The previous archive's side of the walk in metadata mode: for each file that is still as it was, where its
// content lies in the previous payload stream (pxar.md 13.1).

import { GranaryError } from '../../base/errors.ts';
import type { DirectoryNode, PxarAccessor, PxarNode } from '../../pxar/accessor.ts';
import { PreviousDirectory } from '../../pxar/previous.ts';
import { sameForReuse } from '../../pxar/reuse.ts';
import type { PxarMetadata } from '../../pxar/types.ts';

/** One directory of the previous archive; names have to be asked for in ascending byte order. */
export interface PreviousEntries {
  /** The offset of the file's PAYLOAD header, if its metadata and size are unchanged. */
  unchangedFile(name: Uint8Array, meta: PxarMetadata, size: number): Promise<number | undefined>;
  directory(name: Uint8Array): Promise<PreviousEntries | undefined>;
}

/** The root of the previous archive. Damage of that archive ends the reuse with one warning, not the backup. */
export function previousRoot(accessor: PxarAccessor, warn: (text: string) => void): PreviousEntries {
  let usable = true;
  const guarded = async (find: () => Promise<PxarNode | undefined>): Promise<PxarNode | undefined> => {
    if (!usable) return undefined;
    try {
      return await find();
    } catch (error) {
      if (!(error instanceof GranaryError) || error.code === 'aborted') throw error;
      usable = false;
      warn(`the previous archive cannot be read, files are read instead of reused: ${error.message}`);
      return undefined;
    }
  };
  const open = (node: DirectoryNode): PreviousEntries => {
    const entries = new PreviousDirectory(accessor, node);
    return {
      async unchangedFile(name, meta, size) {
        const found = await guarded(() => entries.find(name));
        if (found?.kind !== 'file' || found.size !== size || !sameForReuse(found.meta, meta)) return undefined;
        return found.payloadOffset;
      },
      async directory(name) {
        const found = await guarded(() => entries.find(name));
        return found?.kind === 'directory' ? open(found) : undefined;
      },
    };
  };
  return open(accessor.root);
}
