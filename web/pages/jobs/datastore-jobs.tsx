// The jobs of one datastore.

import type { ReactNode } from 'react';
import { useParams } from 'wouter';
import { DatastoreFrame } from '../../parts/datastore-frame.tsx';
import { JobLists } from './all-lists.tsx';

export default function DatastoreJobs(): ReactNode {
  const { store = '' } = useParams<{ store: string }>();
  return (
    <DatastoreFrame store={store} tab="jobs">
      <JobLists key={store} store={store} />
    </DatastoreFrame>
  );
}
