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

/** What mounts or unmounts a datastore; the task that it starts is told to `onTask`. */
export function useMountAction(onTask: (upid: string) => void) {
  const { may } = usePermissions();
  const [mount, unmount] = [useChange(mountDatastore), useChange(unmountDatastore)];
  return {
    error: mount.error ?? unmount.error,
    /** Undefined for a datastore that has no device of its own, is on its way out, or that the user may not mount. */
    actionOf({ store, maintenance = '', 'mount-status': status }: Listed) {
      const isAllowed = may(`/datastore/${store}`, 'Datastore.Modify') && may('/system/disks', 'Sys.Modify');
      if (!isAllowed || status === 'nonremovable' || /^(delete|unmount)\b/.test(maintenance)) return undefined;
      const isMounted = status === 'mounted';
      const change = isMounted ? unmount : mount;
      return { isMounted, run: () => void change.run({ store }).then(onTask, () => {}) };
    },
  };
}

/** Nothing for a datastore that cannot be mounted or unmounted. */
export function MountButton({ listed }: { listed: Listed }): ReactNode {
  const t = useTexts(words);
  const [task, setTask] = useState<string>();
  const { actionOf, error } = useMountAction(setTask);
  const action = actionOf(listed);
  return (
    <>
      {action !== undefined && (
        <Button
          icon={action.isMounted ? 'eject' : 'plug'}
          kind={action.isMounted ? 'normal' : 'primary'}
          onPress={action.run}
        >
          {action.isMounted ? t.unmount : t.mount}
        </Button>
      )}
      <ErrorText error={error} />
      <TaskDialog upid={task} onClose={() => setTask(undefined)} />
    </>
  );
}
