// Forms for targets of each kind.

import type { ReactNode } from 'react';
import {
  gotifyContracts,
  sendmailContracts,
  smtpContracts,
  webhookContracts,
} from '../../../../src/api/config/notifications/kinds.contract.ts';
import type { EndpointContract } from '../../../../src/model/endpoint.ts';
import { useTexts } from '../../../base/texts.ts';
import { ContractForm, type FieldHints } from '../../../parts/contract-form.tsx';
import { Loaded } from '../../../parts/loaded.tsx';
import type { FormEnds } from '../../../parts/object-list.tsx';
import { WrittenField } from '../../../parts/written-field.tsx';
import { fromBase64, readPairs, toBase64, writePairs } from '../../../parts/written-text.ts';
import { words } from './texts.ts';

export type TargetType = 'sendmail' | 'smtp' | 'gotify' | 'webhook';
export const targetTypes: readonly TargetType[] = ['smtp', 'sendmail', 'gotify', 'webhook'];

interface Contracts {
  create: EndpointContract;
  read: EndpointContract;
  update: EndpointContract;
}
const contracts: Record<TargetType, Contracts> = {
  sendmail: sendmailContracts,
  smtp: smtpContracts,
  gotify: gotifyContracts,
  webhook: webhookContracts,
};

function useFields(type: TargetType, isNew: boolean): Record<string, FieldHints> {
  const t = useTexts(words);
  const kept = isNew ? '' : t.kept;
  const first: Record<string, FieldHints> = isNew ? { name: { label: t.name, help: '' } } : {};
  const last: Record<string, FieldHints> = {
    comment: { label: t.comment, help: '' },
    disable: { label: t.disable, help: t.disableHelp },
  };
  const mail: Record<string, FieldHints> = {
    mailto: { label: t.mailto, help: t.mailtoHelp },
    'mailto-user': { label: t.mailtoUser, help: t.mailtoUserHelp },
    'from-address': { label: t.from },
    author: { label: t.author, help: '' },
  };
  switch (type) {
    case 'sendmail':
      return { ...first, ...mail, ...last };
    case 'smtp':
      return {
        ...first,
        server: { label: t.server, help: '' },
        mode: {
          label: t.mode,
          help: '',
          choices: (['tls', 'starttls', 'insecure'] as const).map((id) => ({ id, label: t[id] })),
        },
        port: { label: t.port },
        username: { label: t.username, help: '' },
        password: { label: t.password, help: kept, type: 'password' },
        ...mail,
        ...last,
      };
    case 'gotify':
      return {
        ...first,
        server: { label: t.gotifyServer, help: '' },
        token: { label: t.token, help: kept, type: 'password' },
        ...last,
      };
    case 'webhook':
      return {
        ...first,
        method: {
          label: t.method,
          help: '',
          choices: ['post', 'put', 'get'].map((id) => ({ id, label: id.toUpperCase() })),
        },
        url: { label: t.url, help: t.urlHelp },
        header: {
          label: t.headers,
          help: t.headersHelp,
          input: (field) => (
            <WrittenField
              field={field}
              read={(text) => readPairs(text, ': ')}
              write={(text) => writePairs(text, ':')}
            />
          ),
        },
        body: {
          label: t.body,
          help: t.bodyHelp,
          input: (field) => <WrittenField field={field} read={fromBase64} write={toBase64} />,
        },
        secret: {
          label: t.secrets,
          help: t.secretsHelp,
          input: (field) => (
            <WrittenField field={field} read={(text) => readPairs(text, '=')} write={(text) => writePairs(text, '=')} />
          ),
        },
        ...last,
      };
  }
}

export function AddTargetForm({ type, submit, ...ends }: FormEnds & { type: TargetType; submit: string }): ReactNode {
  const initial = type === 'smtp' ? { mode: 'tls' } : type === 'webhook' ? { method: 'post' } : {};
  return (
    <ContractForm
      contract={contracts[type].create}
      initial={initial}
      fields={useFields(type, true)}
      submit={submit}
      {...ends}
    />
  );
}

export function EditTargetForm({ type, name, ...ends }: FormEnds & { type: TargetType; name: string }): ReactNode {
  const fields = useFields(type, false);
  return (
    <Loaded contract={contracts[type].read} parameters={{ name }}>
      {(data, digest) => (
        <ContractForm
          contract={contracts[type].update}
          initial={data as Record<string, unknown>}
          fixed={{ name, digest }}
          fields={fields}
          {...ends}
        />
      )}
    </Loaded>
  );
}
