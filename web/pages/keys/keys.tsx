// Encryption keys: making one, printing it, and trying whether it opens a backup. All of it happens in the browser.

import { type ReactNode, useState } from 'react';
import { useTexts } from '../../base/texts.ts';
import { Card, Page } from '../../parts/page.tsx';
import { CreateKey } from './create-key.tsx';
import { CreateMasterKey } from './create-master-key.tsx';
import { PaperKey } from './paper-key.tsx';
import { RecoverKey } from './recover-key.tsx';
import { TestKey } from './test-key.tsx';
import { words } from './texts.ts';

export default function Keys(): ReactNode {
  const t = useTexts(words);
  const [paper, setPaper] = useState('');
  return (
    <Page title={t.title}>
      <p>{t.intro}</p>
      <Card title={t.create}>
        <CreateKey onPrint={setPaper} />
      </Card>
      <Card title={t.paper}>
        <PaperKey text={paper} onText={setPaper} />
      </Card>
      <Card title={t.test}>
        <TestKey />
      </Card>
      <Card title={t.createMaster}>
        <CreateMasterKey />
      </Card>
      <Card title={t.recoverTitle}>
        <RecoverKey onPrint={setPaper} />
      </Card>
    </Page>
  );
}
