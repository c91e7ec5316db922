// What goes with a user who is removed, and what stays behind.

import type { ReactNode } from 'react';
import { listAcl } from '../../../../src/api/access/acl.contract.ts';
import { listTokens } from '../../../../src/api/access/tokens.contract.ts';
import { syncJobContracts } from '../../../../src/api/config/sync.contract.ts';
import { useCall } from '../../../base/live.ts';
import { useTexts } from '../../../base/texts.ts';
import { words } from './texts.ts';

export function RemovedWithUser({ userid }: { userid: string }): ReactNode {
  const t = useTexts(words);
  const tokens = useCall(listTokens, { userid }).data?.length ?? 0;
  const rules = useCall(listAcl, {}).data ?? [];
  const jobs = useCall(syncJobContracts.list, { 'sync-direction': 'all' }).data ?? [];
  const isTheirs = (authId: string | undefined): boolean =>
    authId === userid || authId?.startsWith(`${userid}!`) === true;
  const own = rules.filter((rule) => isTheirs(rule.ugid)).length;
  const owned = jobs.filter((job) => isTheirs(job.owner)).map((job) => job.id);
  return (
    <>
      <p>{t.removeText(userid)}</p>
      <ul>
        <li>{t.removePassword}</li>
        {tokens > 0 && <li>{t.removeTokens(tokens)}</li>}
        {own > 0 && <li>{t.removeRules(own)}</li>}
      </ul>
      {owned.length > 0 && <p>{t.removeJobs(owned.join(', '))}</p>}
      <p className="quiet">{t.removeKept}</p>
    </>
  );
}
