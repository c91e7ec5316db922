// Options of the server itself, as far as they have no page of their own.

import { type ReactNode, useState } from 'react';
import { readNodeConfig, updateNodeConfig } from '../../../../src/api/nodes/config.contract.ts';
import { useWhole } from '../../../base/live.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useTexts } from '../../../base/texts.ts';
import { ContractForm, type FieldHints } from '../../../parts/contract-form.tsx';
import { ErrorText } from '../../../parts/field.tsx';
import { Card, Facts, Page } from '../../../parts/page.tsx';
import { State } from '../../../parts/state.tsx';
import { WrittenField } from '../../../parts/written-field.tsx';
import { fromBase64, toBase64 } from '../../../parts/written-text.ts';
import { words } from './option-texts.ts';

const node = 'localhost';

export default function ServerOptions(): ReactNode {
  const t = useTexts(words);
  const mayModify = usePermissions().may('/system', 'Sys.Modify');
  // Not asked again by itself: what is being written must not be overtaken.
  const options = useWhole(readNodeConfig, { node }, { every: false });
  const { data, digest } = options.data ?? {};
  const [saved, setSaved] = useState(0);
  const fields: Record<string, FieldHints> = {
    'email-from': { label: t.mailFrom, help: '', type: 'email' },
    'http-proxy': { label: t.proxy },
    'task-log-max-days': { label: t.taskDays, isShort: true },
    'default-lang': {
      section: t.login,
      label: t.language,
      help: t.languageHelp,
      choices: [
        { id: '', label: t.browsers },
        { id: 'en', label: 'English' },
        { id: 'de', label: 'Deutsch' },
      ],
    },
    'consent-text': {
      label: t.consent,
      help: t.consentHelp,
      input: (field) => <WrittenField field={field} read={fromBase64} write={toBase64} />,
    },
    'ciphers-tls-1.3': { label: t.ciphers('1.3'), isMore: true },
    'ciphers-tls-1.2': { label: t.ciphers('1.2'), isMore: true },
  };
  return (
    <Page title={t.title}>
      <ErrorText error={options.error} />
      {data !== undefined && (
        <Card>
          {mayModify ? (
            <>
              <ContractForm
                key={digest}
                contract={updateNodeConfig}
                fields={fields}
                initial={data}
                fixed={{ node, ...(digest === undefined ? {} : { digest }) }}
                onDone={() => setSaved(Date.now())}
              />
              <div aria-live="polite">{saved > 0 && <State level="good">{t.saved}</State>}</div>
            </>
          ) : (
            <Facts
              facts={Object.entries(data)
                .filter(([name]) => name in fields)
                .map(([name, value]) => {
                  const text = name === 'consent-text' ? fromBase64(String(value)) : String(value);
                  return [fields[name]!.label, text] as const;
                })}
            />
          )}
        </Card>
      )}
    </Page>
  );
}
