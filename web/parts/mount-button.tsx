// Mounts the device of a removable datastore, or unmounts it so that it can be taken away; the task is shown.

import { type ReactNode, useState } from 'react';
import type { listDatastores } from '../../src/api/admin/datastore/list.contract.ts';
import { mountDatastore, unmountDatastore } from '../../src/api/admin/datastore/mount.contract.ts';
import type { Result } from '../../src/model/endpoint.ts';
import { useChange } from '../base/live.ts';
import { usePermissions } from '../base/permissions.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from './button.tsx';
import { ErrorText } from './field.tsx';
import { TaskDialog } from './task-log.tsx';

const words = texts({
  en: { mount: 'Mount', unmount: 'Unmount' },
  de: { mount: 'Einhängen', unmount: 'Aushängen' },
});

type Listed = Result<typeof listDatastores>[number];

/** Nothing for a datastore that has no device of its own, is on its way out, or that the user may not mount. */
export function MountButton({ listed }: { listed: Listed }): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const [mount, unmount] = [useChange(mountDatastore), useChange(unmountDatastore)];
  const [task, setTask] = useState<string>();
  const { store, maintenance = '' } = listed;
  const status = listed['mount-status'];
  const isAllowed = may(`/datastore/${store}`, 'Datastore.Modify') && may('/system/disks', 'Sys.Modify');
  const isShown = isAllowed && status !== 'nonremovable' && !/^(delete|unmount)\b/.test(maintenance);
  const isMounted = status === 'mounted';
  const change = isMounted ? unmount : mount;
  return (
    <>
      {isShown && (
        <Button
          icon={isMounted ? 'eject' : 'plug'}
          kind={isMounted ? 'normal' : 'primary'}
          onPress={() => void change.run({ store }).then(setTask, () => {})}
        >
          {isMounted ? t.unmount : t.mount}
        </Button>
      )}
      <ErrorText error={mount.error ?? unmount.error} />
      <TaskDialog upid={task} onClose={() => setTask(undefined)} />
    </>
  );
}
