// All kinds of jobs, of one datastore or of all.

import type { ReactNode } from 'react';
import { GcList } from './gc-list.tsx';
import { PruneList } from './prune-list.tsx';
import { SyncList } from './sync-list.tsx';
import { VerifyList } from './verify-list.tsx';

export function JobLists({ store }: { store?: string }): ReactNode {
  return (
    <>
      <GcList store={store} />
      <PruneList store={store} />
      <VerifyList store={store} />
      <SyncList store={store} />
    </>
  );
}
