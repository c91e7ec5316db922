// Forms for realms of each kind.

import type { ReactNode } from 'react';
import { syncDomain } from '../../../../src/api/access/domains.contract.ts';
import {
  adRealmContracts,
  ldapRealmContracts,
  openIdRealmContracts,
  pamRealmContracts,
  pbsRealmContracts,
} from '../../../../src/api/config/access/realms.contract.ts';
import type { EndpointContract } from '../../../../src/model/endpoint.ts';
import { useTexts } from '../../../base/texts.ts';
import { CheckList } from '../../../parts/check-list.tsx';
import { ContractForm, type FieldHints } from '../../../parts/contract-form.tsx';
import { Loaded } from '../../../parts/loaded.tsx';
import type { FormEnds } from '../../../parts/object-list.tsx';
import { PropertyFields } from '../../../parts/property-fields.tsx';
import { words } from './texts.ts';

export type RealmType = 'pam' | 'pbs' | 'ldap' | 'ad' | 'openid';
export type NewRealmType = 'ldap' | 'ad' | 'openid';

const contracts = { ldap: ldapRealmContracts, ad: adRealmContracts, openid: openIdRealmContracts };

/** The fields of a kind; `isNew` has those that cannot be changed later. */
function useFields(type: RealmType, isNew: boolean): Record<string, FieldHints> {
  const t = useTexts(words);
  const last: Record<string, FieldHints> = {
    comment: { label: t.comment, help: '' },
    default: { label: t.default, help: t.defaultHelp },
  };
  const realm: Record<string, FieldHints> = isNew ? { realm: { label: t.realm, help: t.realmHelp } } : {};
  if (type === 'pam' || type === 'pbs') return last;
  if (type === 'openid') {
    return {
      ...realm,
      'issuer-url': { label: t.issuer },
      'client-id': { label: t.clientId },
      'client-key': isNew ? { label: t.clientKey } : { label: t.clientKey, help: t.passwordKept },
      autocreate: { label: t.autocreate, help: '' },
      ...(isNew ? { 'username-claim': { label: t.claim } } : {}),
      ...last,
      scopes: { label: t.scopes, isMore: true },
      prompt: { label: t.prompt, isMore: true },
      'acr-values': { label: t.acr, isMore: true },
      audiences: { label: t.audiences, isMore: true },
    };
  }
  return {
    ...realm,
    server1: { label: t.server1 },
    server2: { label: t.server2 },
    mode: {
      label: t.mode,
      help: '',
      choices: [
        { id: 'ldaps', label: t.modeLdaps },
        { id: 'ldap+starttls', label: t.modeStarttls },
        { id: 'ldap', label: t.modeLdap },
      ],
    },
    verify: {
      label: t.verify,
      help: t.verifyHelp,
      isShown: ({ mode }) => mode === 'ldaps' || mode === 'ldap+starttls',
    },
    capath: { label: t.capath, isShown: ({ verify }) => verify === true },
    'base-dn': { label: t.baseDn },
    ...(type === 'ldap' ? { 'user-attr': { label: t.userAttr } } : {}),
    'bind-dn': { label: t.bindDn },
    password: { label: t.password, help: isNew ? '' : t.passwordKept },
    ...last,
    port: { label: t.port, isMore: true },
    filter: { label: t.filter, isMore: true },
    'user-classes': { label: t.classes, isMore: true },
    'sync-attributes': {
      label: t.syncAttributes,
      help: '',
      isMore: true,
      input: (field) => (
        <PropertyFields
          field={field}
          properties={{
            email: { label: t.email },
            firstname: { label: t.firstname },
            lastname: { label: t.lastname },
          }}
        />
      ),
    },
  };
}

export function AddRealmForm({ type, submit, ...ends }: FormEnds & { type: NewRealmType; submit: string }): ReactNode {
  const fields = useFields(type, true);
  const initial = type === 'openid' ? {} : { mode: 'ldaps', verify: true };
  return <ContractForm contract={contracts[type].create} initial={initial} fields={fields} submit={submit} {...ends} />;
}

export function EditRealmForm({ type, realm, ...ends }: FormEnds & { type: RealmType; realm: string }): ReactNode {
  const fields = useFields(type, false);
  if (type === 'pam' || type === 'pbs') {
    const { read, update } = type === 'pam' ? pamRealmContracts : pbsRealmContracts;
    return (
      <Loaded contract={read} parameters={{}}>
        {(data, digest) => (
          <ContractForm contract={update} initial={data} fixed={{ digest }} fields={fields} {...ends} />
        )}
      </Loaded>
    );
  }
  const { read, update }: { read: EndpointContract; update: EndpointContract } = contracts[type];
  return (
    <Loaded contract={read} parameters={{ realm }}>
      {(data, digest) => (
        <ContractForm
          contract={update}
          initial={data as Record<string, unknown>}
          fixed={{ realm, digest }}
          fields={fields}
          {...ends}
        />
      )}
    </Loaded>
  );
}

export function SyncRealmForm(props: { realm: string; onStarted(upid: string): void; onCancel(): void }): ReactNode {
  const t = useTexts(words);
  return (
    <>
      <p>{t.syncText}</p>
      <ContractForm
        contract={syncDomain}
        fixed={{ realm: props.realm }}
        fields={{
          'dry-run': { label: t.dryRun, help: '' },
          'enable-new': { label: t.enableNew, help: '', byDefault: true },
          'remove-vanished': {
            label: t.removeVanished,
            help: '',
            input: ({ label, error, value, onChange }) => (
              <CheckList
                label={label}
                error={error}
                value={value}
                onChange={onChange}
                separator=";"
                choices={[
                  { id: 'entry', label: t.removeEntry },
                  { id: 'properties', label: t.removeProperties },
                  { id: 'acl', label: t.removeAcl },
                ]}
              />
            ),
          },
        }}
        submit={t.doSync}
        onDone={props.onStarted}
        onCancel={props.onCancel}
      />
    </>
  );
}
