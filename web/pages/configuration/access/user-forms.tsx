// Forms that make and change a user.

import type { ReactNode } from 'react';
import { listDomains } from '../../../../src/api/access/acl.contract.ts';
import { createUser, updateUser } from '../../../../src/api/access/users.contract.ts';
import { useCall } from '../../../base/live.ts';
import { useTexts } from '../../../base/texts.ts';
import { ContractForm, type CustomField, type FieldHints } from '../../../parts/contract-form.tsx';
import { expiryField } from '../../../parts/expiry-field.tsx';
import { askedChoices, Select, TextInput } from '../../../parts/field.tsx';
import type { FormEnds } from '../../../parts/object-list.tsx';
import { words } from './texts.ts';

function useUserFields(): Record<string, FieldHints> {
  const t = useTexts(words);
  return {
    enable: { label: t.enabled, help: t.enabledHelp, byDefault: true },
    expire: { label: t.expires, help: t.expiresHelp, input: expiryField },
    firstname: { label: t.firstname },
    lastname: { label: t.lastname },
    email: { label: t.email, help: t.emailHelp },
    comment: { label: t.comment, help: '' },
  };
}

export function AddUserForm({ onDone, onCancel }: FormEnds): ReactNode {
  const t = useTexts(words);
  const rest = useUserFields();
  return (
    <ContractForm
      contract={createUser}
      initial={{ userid: '@pbs' }}
      fields={{
        userid: { label: t.userName, isRequired: true, input: (field) => <UserIdField {...field} /> },
        password: {
          label: t.password,
          help: t.passwordHelp,
          repeated: t.passwordAgain,
          isRequired: true,
          isShown: ({ userid }) => String(userid).endsWith('@pbs'),
        },
        ...rest,
      }}
      submit={t.addUser}
      onDone={onDone}
      onCancel={onCancel}
    />
  );
}

/** A name and the realm that it is in. */
function UserIdField({ value, onChange, schema: _schema, values: _values, ...rest }: CustomField): ReactNode {
  const t = useTexts(words);
  const realms = useCall(listDomains, {}, { every: false });
  const at = value.lastIndexOf('@');
  const [name, realm] = [value.slice(0, at), value.slice(at + 1)];
  return (
    <>
      <TextInput {...rest} help={undefined} value={name} onChange={(next) => onChange(`${next}@${realm}`)} autoFocus />
      <Select
        label={t.realm}
        isRequired
        choices={askedChoices(realms, (all) =>
          all.map((one) => ({
            id: one.realm,
            label: one.comment === undefined ? one.realm : `${one.realm} (${one.comment})`,
          })),
        )}
        value={realm}
        onChange={(next) => onChange(`${name}@${next}`)}
      />
    </>
  );
}

export function EditUserForm({
  user,
  digest,
  onDone,
  onCancel,
}: FormEnds & { user: { userid: string }; digest: string | undefined }): ReactNode {
  return (
    <ContractForm
      contract={updateUser}
      initial={user}
      fixed={{ userid: user.userid, digest }}
      fields={useUserFields()}
      onDone={onDone}
      onCancel={onCancel}
    />
  );
}
