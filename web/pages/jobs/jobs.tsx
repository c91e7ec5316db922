// The jobs of all datastores, as a section of the configuration.

import type { ReactNode } from 'react';
import { useTexts } from '../../base/texts.ts';
import { ConfigurationFrame } from '../../parts/configuration-frame.tsx';
import { Page } from '../../parts/page.tsx';
import { JobLists } from './all-lists.tsx';
import { words } from './texts.ts';

export default function Jobs(): ReactNode {
  const t = useTexts(words);
  return (
    <ConfigurationFrame section="jobs">
      <Page title={t.title}>
        <JobLists />
      </Page>
    </ConfigurationFrame>
  );
}
