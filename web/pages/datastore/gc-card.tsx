// The last garbage collection, the one that runs, and the button that starts one.

import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import { getGcStatus, startGc } from '../../../src/api/admin/datastore/gc.contract.ts';
import { listTasks } from '../../../src/api/nodes/tasks.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { ago, bytes, dateTime, duration, number } from '../../base/format.ts';
import { useCall, useChange } from '../../base/live.ts';
import { useNow } from '../../base/now.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Card, Facts } from '../../parts/page.tsx';
import { State } from '../../parts/state.tsx';
import { TaskDialog } from '../../parts/task-log.tsx';
import { levelOf } from '../../parts/task-name.ts';
import { RunningTask } from './running-task.tsx';
import { words } from './texts.ts';

export function GcCard({ store }: { store: string }): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const gc = useCall(getGcStatus, { store }, { every: 5000 });
  const running = useCall(
    listTasks,
    { node: 'localhost', store, running: true, typefilter: 'garbage_collection' },
    { every: 2000 },
  );
  const start = useChange(startGc);
  const [task, setTask] = useState<string>();
  const upid = running.data?.[0]?.upid;
  return (
    <Card
      title={t.gc}
      actions={
        may(`/datastore/${store}`, 'Datastore.Modify') &&
        upid === undefined && (
          <Button icon="play" onPress={() => void start.run({ store }).then(setTask, () => {})}>
            {t.startGc}
          </Button>
        )
      }
    >
      <ErrorText error={gc.error ?? start.error} />
      {upid !== undefined && <RunningTask upid={upid} onShow={() => setTask(upid)} />}
      {gc.data !== undefined && <LastRun gc={gc.data} />}
      <TaskDialog
        upid={task}
        onClose={() => {
          setTask(undefined);
          gc.refresh();
        }}
      />
    </Card>
  );
}

function LastRun({ gc }: { gc: Result<typeof getGcStatus> }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const state = gc['last-run-state'];
  const ended = gc['last-run-endtime'];
  const now = useNow(60);
  const amount = (size: number, chunks: number): string => t.amount(bytes(size, language), number(chunks, language));
  return (
    <>
      {state !== undefined && state !== 'OK' && <ErrorText error={t.lastFailed(state)} />}
      <Facts
        isWide
        facts={[
          [
            t.lastRun,
            ended === undefined || state === undefined ? (
              t.neverRan
            ) : (
              <span key="run">
                <State level={levelOf(state)}>{state === 'OK' ? t.ok : t.notOk}</State>{' '}
                {gc['last-run-upid'] === undefined ? (
                  ago(ended, now, language)
                ) : (
                  <Link href={`/tasks/${encodeURIComponent(gc['last-run-upid'])}`}>{dateTime(ended, language)}</Link>
                )}
                {gc.duration !== undefined && `, ${duration(gc.duration)}`}
              </span>
            ),
          ],
          [t.nextRun, gc['next-run'] === undefined ? t.noSchedule : dateTime(gc['next-run'], language)],
          ...(gc.upid === undefined
            ? []
            : ([
                [t.onDisk, amount(gc['disk-bytes'], gc['disk-chunks'])],
                [t.referenced, bytes(gc['index-data-bytes'], language)],
                [t.removed, amount(gc['removed-bytes'], gc['removed-chunks'])],
                [t.pending, amount(gc['pending-bytes'], gc['pending-chunks'])],
                ...(gc['removed-bad'] > 0 ? [[t.removedBad, number(gc['removed-bad'], language)] as const] : []),
                ...(gc['still-bad'] > 0
                  ? [
                      [
                        t.stillBad,
                        <State key="bad" level="bad">
                          {number(gc['still-bad'], language)}
                        </State>,
                      ] as const,
                    ]
                  : []),
              ] as const)),
        ]}
      />
    </>
  );
}
