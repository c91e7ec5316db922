// For a server without any backup: the exact commands that make the first one.

import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { datastoreStatus } from '../../../src/api/admin/datastore/status.contract.ts';
import { nodeStatus } from '../../../src/api/nodes/node.contract.ts';
import { useCall } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useSession } from '../../base/session.ts';
import { useTexts } from '../../base/texts.ts';
import { CopyText } from '../../parts/copy-text.tsx';
import { Card } from '../../parts/page.tsx';
import { words } from './texts.ts';

/** Shown while no datastore of the user's has a snapshot. */
export function FirstSteps({ stores }: { stores: readonly string[] }): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const first = stores[0];
  const { data } = useCall(
    datastoreStatus,
    { store: first ?? '', verbose: true },
    { enabled: stores.length === 1, every: 3000 },
  );
  if (stores.length > 1) return null;
  if (first === undefined) {
    if (!may('/datastore', 'Datastore.Allocate')) return null;
    return (
      <Card title={t.start}>
        <p>
          {t.startNoStore} <Link href="/configuration/datastores">{t.makeStore}</Link>
        </p>
      </Card>
    );
  }
  const counts = data?.counts;
  if (counts === undefined || [counts.ct, counts.vm, counts.host].some((one) => (one?.snapshots ?? 0) > 0)) return null;
  return <Commands store={first} />;
}

function Commands({ store }: { store: string }): ReactNode {
  const t = useTexts(words);
  const session = useSession();
  const { may } = usePermissions();
  const status = useCall(
    nodeStatus,
    { node: 'localhost' },
    { every: false, enabled: may('/system/status', 'Sys.Audit') },
  );
  const fingerprint = status.data?.info.fingerprint;
  const port = location.port === '' || location.port === '8007' ? '' : `:${location.port}`;
  const commands = [
    `export PBS_REPOSITORY='${session?.user}@${location.hostname}${port}:${store}'`,
    ...(fingerprint === undefined ? [] : [`export PBS_FINGERPRINT='${fingerprint}'`]),
  ];
  return (
    <Card title={t.start}>
      <p>{t.startIntro}</p>
      <p>{t.startInstall}</p>
      <p>{t.startToken}</p>
      <CopyText label={t.startToken}>{commands.join('\n')}</CopyText>
      <p>{t.startBackup}</p>
      <CopyText label={t.startBackup}>{'proxmox-backup-client backup home.pxar:"$HOME"'}</CopyText>
    </Card>
  );
}
