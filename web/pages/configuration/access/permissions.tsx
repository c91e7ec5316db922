// Access rules, and what follows from them for somebody.

import type { ReactNode } from 'react';
import { usePermissions } from '../../../base/permissions.ts';
import { useTexts } from '../../../base/texts.ts';
import { Explain } from '../../../parts/account/explain.tsx';
import { Rules } from '../../../parts/account/rules.tsx';
import { Page } from '../../../parts/page.tsx';
import { words } from './texts.ts';

export default function AccessRules(): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  return (
    <Page title={t.accessRules}>
      <Rules
        title={t.rules}
        part="rule"
        mayChange={may('/access/acl', 'Permissions.Modify')}
        intro={<p className="quiet">{t.rulesText}</p>}
      />
      {may('/access', 'Sys.Audit') && <Explain title={t.explain} />}
    </Page>
  );
}
