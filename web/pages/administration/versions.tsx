// Versions of the server and of what matters to it, packages that an upgrade would put in, and the server's identity.

import { type ReactNode, useState } from 'react';
import { listAptUpdates, listVersions, updateAptLists } from '../../../src/api/nodes/apt.contract.ts';
import { readSubscription } from '../../../src/api/nodes/subscription.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { useCall, useChange } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { type Column, DataTable } from '../../parts/data-table.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Bar, Card, Facts } from '../../parts/page.tsx';
import { TaskDialog } from '../../parts/task-log.tsx';
import { words } from './texts.ts';

const node = 'localhost';
type Package = Result<typeof listVersions>[number];

export default function Versions(): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const versions = useCall(listVersions, { node }, { every: 60_000 });
  const updates = useCall(listAptUpdates, { node }, { every: 60_000 });
  const subscription = useCall(readSubscription, { node }, { every: false });
  const fetchLists = useChange(updateAptLists);
  const [task, setTask] = useState<string>();
  const shown = (version: Column<Package>[]): Column<Package>[] => [
    { id: 'package', header: t.package, value: (one) => one.Package, width: 'minmax(10rem, 2fr)' },
    ...version,
    {
      id: 'description',
      header: t.description,
      value: (one) => one.ExtraInfo ?? one.Title,
      cell: (one) => <span className="cut">{one.ExtraInfo ?? one.Title}</span>,
      width: 'minmax(8rem, 2fr)',
      isExtra: true,
    },
  ];
  const version: Column<Package> = { id: 'version', header: t.version, value: (one) => one.Version };
  const old: Column<Package> = { id: 'old', header: t.installed, value: (one) => one.OldVersion ?? '', isExtra: true };
  return (
    <>
      <DataTable
        label={t.versions}
        columns={shown([version])}
        rows={versions.data}
        error={versions.error}
        rowId={(one) => one.Package}
        height="auto"
      />
      <Bar>
        <h2>{t.updates}</h2>
        {may('/', 'Sys.Modify') && (
          <Button
            icon="refresh"
            isDisabled={fetchLists.isRunning}
            onPress={() => void fetchLists.run({ node }).then(setTask, () => {})}
          >
            {t.fetchLists}
          </Button>
        )}
      </Bar>
      <ErrorText error={fetchLists.error} />
      <DataTable
        label={t.updates}
        columns={shown([old, version])}
        rows={updates.data}
        error={updates.error}
        rowId={(one) => one.Package}
        empty={t.noUpdates}
        height="auto"
      />
      <Card title={t.identity}>
        <Facts
          facts={[
            [t.subscription, t.noSubscription],
            [t.serverId, <code key="id">{subscription.data?.serverid ?? '…'}</code>],
          ]}
        />
      </Card>
      <TaskDialog upid={task} onClose={() => setTask(undefined)} />
    </>
  );
}
