// One task: its log, at the line that the address names (`?line=12`).

import type { ReactNode } from 'react';
import { useParams, useSearchParams } from 'wouter';
import { Page } from '../../parts/page.tsx';
import { TaskLog, taskName } from '../../parts/task-log.tsx';

export default function Task(): ReactNode {
  const { upid = '' } = useParams<{ upid: string }>();
  const [query] = useSearchParams();
  const line = query.get('line');
  return (
    <Page title={taskName(upid)}>
      <TaskLog upid={upid} line={line === null ? undefined : Number(line)} />
    </Page>
  );
}
