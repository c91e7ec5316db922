// One task: its log, at the line that the address names (`?line=12`).

import type { ReactNode } from 'react';
import { useParams, useSearchParams } from 'wouter';
import { Page } from '../../parts/page.tsx';
import { TaskLog } from '../../parts/task-log.tsx';
import { taskName } from '../../parts/task-name.ts';

export default function Task(): ReactNode {
  // The router leaves what is reserved in an address encoded.
  const upid = decodeURIComponent(useParams<{ upid: string }>().upid);
  const [query, setQuery] = useSearchParams();
  const line = Number(query.get('line'));
  return (
    <Page title={taskName(upid)}>
      <TaskLog
        upid={upid}
        line={Number.isSafeInteger(line) && line > 0 ? line : undefined}
        onLine={(n) => setQuery({ line: String(n) }, { replace: true })}
      />
    </Page>
  );
}
