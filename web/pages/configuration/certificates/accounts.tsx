// Accounts with providers of certificates.

import { type ReactNode, useState } from 'react';
import {
  deactivateAccount,
  getTerms,
  listAccounts,
  listDirectories,
  registerAccount,
} from '../../../../src/api/config/acme/accounts.contract.ts';
import type { Result } from '../../../../src/model/endpoint.ts';
import { useCall, useChange } from '../../../base/live.ts';
import { useTexts } from '../../../base/texts.ts';
import { ContractForm, type CustomField } from '../../../parts/contract-form.tsx';
import type { Column } from '../../../parts/data-table.tsx';
import { Confirm } from '../../../parts/dialog.tsx';
import { Checkbox, type Choice, Select, TextInput } from '../../../parts/field.tsx';
import { Loaded } from '../../../parts/loaded.tsx';
import { ObjectList } from '../../../parts/object-list.tsx';
import { Notice } from '../../../parts/state.tsx';
import { accountOf } from './acme-order.tsx';
import { words } from './texts.ts';

interface Account {
  name: string;
}

/** `chosen` is the option that names the account of orders. */
export function Accounts({ chosen, onTask }: { chosen: string | undefined; onTask(upid: string): void }): ReactNode {
  const t = useTexts(words);
  const accounts = useCall(listAccounts, {});
  const deactivate = useChange(deactivateAccount);
  const [removed, setRemoved] = useState<string>();
  const columns: Column<Account>[] = [
    { id: 'name', header: t.accountName, value: ({ name }) => name, width: 'minmax(9rem, 1fr)' },
  ];
  return (
    <>
      <ObjectList
        title={t.accounts}
        part="account"
        columns={columns}
        rows={accounts.data}
        error={accounts.error}
        rowId={({ name }) => name}
        empty={t.noAccounts}
        add={[
          {
            id: 'new',
            label: t.addAccount,
            form: ({ onDone, onCancel }) => (
              <RegisterForm
                onStarted={(upid) => {
                  onDone();
                  onTask(upid);
                }}
                onCancel={onCancel}
              />
            ),
          },
        ]}
        actions={({ name }) => [
          {
            id: 'deactivate',
            label: t.deactivateTitle(name),
            icon: 'trash',
            isDanger: true,
            run: () => setRemoved(name),
          },
        ]}
      />
      <Confirm
        title={removed === undefined ? '' : t.deactivateTitle(removed)}
        isOpen={removed !== undefined}
        onClose={() => setRemoved(undefined)}
        action={t.deactivate}
        {...(removed === undefined ? {} : { name: removed })}
        onConfirm={async () => removed !== undefined && onTask(await deactivate.run({ name: removed }))}
      >
        {removed !== undefined && (
          <>
            <p>{t.removeAccount(removed)}</p>
            {accountOf(chosen) === removed && <Notice level="warn">{t.accountInUse}</Notice>}
          </>
        )}
      </Confirm>
    </>
  );
}

function RegisterForm(ends: RegisterEnds): ReactNode {
  return (
    <Loaded contract={listDirectories} parameters={{}}>
      {(directories) => <RegisterFields directories={directories} {...ends} />}
    </Loaded>
  );
}

interface RegisterEnds {
  onStarted(upid: string): void;
  onCancel(): void;
}

interface RegisterFieldsProps extends RegisterEnds {
  directories: Result<typeof listDirectories>;
}

function RegisterFields({ directories, onStarted, onCancel }: RegisterFieldsProps): ReactNode {
  const t = useTexts(words);
  return (
    <ContractForm
      contract={registerAccount}
      initial={{ name: 'default', directory: directories[0]?.url }}
      fields={{
        name: { label: t.accountName, help: '' },
        contact: { label: t.contact, help: t.contactHelp },
        directory: {
          label: t.directory,
          help: '',
          isRequired: true,
          input: (field) => (
            <DirectoryInput
              field={field}
              known={directories.map(({ name, url }) => ({ id: url, label: name, help: url }))}
            />
          ),
        },
        tos_url: { label: t.terms, help: '', input: (field) => <Terms {...field} /> },
        eab_kid: { label: t.eabKid, isMore: true },
        eab_hmac_key: { label: t.eabKey, type: 'password', isMore: true },
      }}
      submit={t.addAccount}
      onDone={onStarted}
      onCancel={onCancel}
    />
  );
}

/** One of the providers that the server knows, or the address of another. */
function DirectoryInput({ field, known }: { field: CustomField; known: readonly Choice[] }): ReactNode {
  const t = useTexts(words);
  const { label, error, value, isRequired, onChange } = field;
  const [isOther, setOther] = useState(false);
  return (
    <>
      <Select
        label={label}
        isRequired={isRequired}
        error={isOther ? undefined : error}
        choices={[...known, { id: 'other', label: t.otherDirectory }]}
        value={isOther ? 'other' : value}
        onChange={(id) => {
          setOther(id === 'other');
          onChange(id === 'other' ? '' : id);
        }}
      />
      {isOther && (
        <TextInput
          label={t.directoryUrl}
          help={t.directoryHelp}
          type="url"
          isRequired
          error={error}
          value={value}
          onChange={onChange}
        />
      )}
    </>
  );
}

/** The provider's terms, and the agreement to them; nothing where it has none. */
function Terms({ value, values, error, onChange }: CustomField): ReactNode {
  const t = useTexts(words);
  const directory = String(values['directory'] ?? '');
  const terms = useCall(getTerms, { directory }, { every: false, enabled: directory !== '' });
  const url = terms.data;
  if (typeof url !== 'string') return null;
  return (
    <div>
      <Checkbox
        label={t.agree}
        error={error}
        value={value === url}
        onChange={(agrees) => onChange(agrees ? url : '')}
      />
      <a href={url} target="_blank" rel="noreferrer">
        {t.readTerms}
      </a>
    </div>
  );
}
