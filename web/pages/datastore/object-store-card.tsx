// The object store of a datastore in a bucket: what was asked of it, how near that is to the thresholds, and the buttons
// that set the counters to zero and fetch the files of the datastore anew. Nothing for other datastores.

import { type ReactNode, useState } from 'react';
import { refreshDatastore } from '../../../src/api/admin/datastore/s3-refresh.contract.ts';
import type { datastoreStatus } from '../../../src/api/admin/datastore/status.contract.ts';
import { resetS3Counters } from '../../../src/api/admin/s3/s3.contract.ts';
import { datastoreContracts } from '../../../src/api/config/datastore.contract.ts';
import { listTasks } from '../../../src/api/nodes/tasks.contract.ts';
import { parseBytes } from '../../../src/base/human.ts';
import { parseBackend, thresholdsFormat } from '../../../src/config/datastore-schema.ts';
import { parsePropertyString } from '../../../src/config/property-string.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { bytes, dateTime, number } from '../../base/format.ts';
import { useCall, useChange } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { Confirm } from '../../parts/dialog.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Card, Facts } from '../../parts/page.tsx';
import { State } from '../../parts/state.tsx';
import { TaskDialog } from '../../parts/task-log.tsx';
import { RunningTask } from './running-task.tsx';
import { words } from './texts.ts';

type Statistics = NonNullable<Result<typeof datastoreStatus>['s3-statistics']>;
type Config = Result<typeof datastoreContracts.read>;

const requests = ['get', 'put', 'post', 'head', 'delete'] as const;
const transfers = ['upload', 'download'] as const;

interface Props {
  store: string;
  /** Absent while the datastore cannot be asked. */
  statistics: Statistics | undefined;
  onReset(): void;
}

export function ObjectStoreCard({ store, statistics, onReset }: Props): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const config = useCall(datastoreContracts.read, { name: store }, { every: 10_000 });
  const { type, client = '', bucket = '' } = parseBackend(config.data?.backend);
  const isInBucket = type === 's3';
  const running = useCall(
    listTasks,
    { node: 'localhost', store, running: true, typefilter: 's3-refresh' },
    { every: 2000, enabled: isInBucket },
  );
  const refresh = useChange(refreshDatastore);
  const reset = useChange(resetS3Counters);
  const [isAsked, setAsked] = useState(false);
  const [task, setTask] = useState<string>();
  const upid = running.data?.[0]?.upid;
  if (config.data === undefined || !isInBucket) return null;
  const resetCounters = (): void => {
    const where = { 's3-endpoint-id': client, bucket, 'store-prefix': store };
    void reset.run(where).then(onReset, () => {});
  };
  return (
    <Card
      title={t.objectStore}
      actions={
        <>
          {may('/', 'Sys.Modify') && statistics !== undefined && (
            <Button onPress={resetCounters}>{t.resetCounters}</Button>
          )}
          {may(`/datastore/${store}`, 'Datastore.Modify') && upid === undefined && (
            <Button icon="refresh" onPress={() => setAsked(true)}>
              {t.fetchAnew}
            </Button>
          )}
        </>
      }
    >
      <ErrorText error={reset.error} />
      {upid !== undefined && <RunningTask upid={upid} onShow={() => setTask(upid)} />}
      <Facts
        facts={[
          [t.endpoint, client],
          [t.bucket, bucket],
        ]}
      />
      {statistics !== undefined && <Counters statistics={statistics} config={config.data} />}
      <Confirm
        title={t.fetchTitle(store)}
        isOpen={isAsked}
        onClose={() => setAsked(false)}
        action={t.fetchAnew}
        name={store}
        onConfirm={async () => setTask(await refresh.run({ store }))}
      >
        <p>{t.fetchText(bucket, client)}</p>
        <p>{t.fetchWaits}</p>
      </Confirm>
      <TaskDialog upid={task} onClose={() => setTask(undefined)} />
    </Card>
  );
}

function Counters({ statistics, config }: { statistics: Statistics; config: Config }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const thresholds = parsePropertyString(thresholdsFormat, config['notification-thresholds'] ?? '').value ?? {};
  const counted = (name: (typeof requests)[number] | (typeof transfers)[number]): ReactNode => {
    const isBytes = name === 'upload' || name === 'download';
    const write = (value: number): string => (isBytes ? bytes(value, language) : number(value, language));
    const given = thresholds[`s3-${name}`];
    const limit = given === undefined ? undefined : isBytes ? parseBytes(String(given)) : Number(given);
    if (limit === undefined) return write(statistics[name]);
    const text = t.ofThreshold(write(statistics[name]), write(limit));
    return statistics[name] >= limit ? (
      <State key={name} level="warn">
        {text}
      </State>
    ) : (
      text
    );
  };
  const { since } = statistics;
  const schedule = config['counter-reset-schedule'];
  return (
    <Facts
      isWide
      facts={[
        ...requests.map((name) => [t.requests(name.toUpperCase()), counted(name)] as const),
        [t.uploaded, counted('upload')],
        [t.downloaded, counted('download')],
        [t.countedSince, since === undefined ? t.fromTheStart : dateTime(since, language)],
        ...(schedule === undefined ? [] : [[t.resetSchedule, <code key="schedule">{schedule}</code>] as const]),
      ]}
    />
  );
}
