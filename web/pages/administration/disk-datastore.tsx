// The button that makes a datastore on a disk that nothing uses: a file system on it, and the datastore in that, which may
// come and go with the disk.

import { type ReactNode, useState } from 'react';
import { createNodeDirectory, listNodeDisks } from '../../../src/api/nodes/disks.contract.ts';
import { bytes } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { ContractForm } from '../../parts/contract-form.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Bar } from '../../parts/page.tsx';
import { Notice } from '../../parts/state.tsx';
import { TaskDialog } from '../../parts/task-log.tsx';
import { words } from './texts.ts';

const node = 'localhost';

/** Nothing for whoever may not make datastores or change disks. */
export function DiskDatastore(): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const [isOpen, setOpen] = useState(false);
  const [task, setTask] = useState<string>();
  if (!may('/system/disks', 'Sys.Modify') || !may('/datastore', 'Datastore.Allocate')) return null;
  return (
    <>
      <Bar>
        <Button icon="plus" onPress={() => setOpen(true)}>
          {t.makeOnDisk}
        </Button>
      </Bar>
      <Dialog title={t.makeOnDisk} isOpen={isOpen} onClose={() => setOpen(false)}>
        {isOpen && (
          <Form
            onDone={(upid) => {
              setOpen(false);
              setTask(upid);
            }}
            onCancel={() => setOpen(false)}
          />
        )}
      </Dialog>
      <TaskDialog upid={task} onClose={() => setTask(undefined)} />
    </>
  );
}

function Form({ onDone, onCancel }: { onDone(upid: string): void; onCancel(): void }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const unused = useCall(listNodeDisks, { node, skipsmart: true, 'usage-type': 'unused' }, { every: 10_000 });
  if (unused.data === undefined) return <ErrorText error={unused.error} />;
  if (unused.data.length === 0) return <Notice level="quiet">{t.noUnusedDisks}</Notice>;
  const disks = unused.data.map(({ name, size, vendor, model }) => {
    const facts = [bytes(size, language), [vendor, model].filter(Boolean).join(' ')].filter((one) => one !== '');
    return { id: name, label: `${name}: ${facts.join(', ')}` };
  });
  return (
    <ContractForm
      contract={createNodeDirectory}
      submit={t.make}
      fixed={{ node, 'add-datastore': true }}
      fields={{
        name: { label: t.datastoreName, help: '' },
        disk: { label: t.disk, help: t.diskHelp, choices: disks },
        filesystem: { label: t.fileSystem, help: '' },
        'removable-datastore': { label: t.removableDatastore, help: t.removableHelp },
      }}
      onDone={onDone}
      onCancel={onCancel}
    />
  );
}
