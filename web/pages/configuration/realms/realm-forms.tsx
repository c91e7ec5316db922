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
import { parsePropertyString } from '../../../../src/config/property-string.ts';
import { syncDefaultsFormat } from '../../../../src/config/realm-schema.ts';
import type { EndpointContract } from '../../../../src/model/endpoint.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useTexts } from '../../../base/texts.ts';
import { CheckList } from '../../../parts/check-list.tsx';
import { ContractForm, type FieldHints } from '../../../parts/contract-form.tsx';
import type { Choice } from '../../../parts/field.tsx';
import { Loaded } from '../../../parts/loaded.tsx';
import type { FormEnds } from '../../../parts/object-list.tsx';
import { PropertyFields } from '../../../parts/property-fields.tsx';
import { words } from './texts.ts';

export type RealmType = 'pam' | 'pbs' | 'ldap' | 'ad' | 'openid';
export type DirectoryType = 'ldap' | 'ad';
export type NewRealmType = DirectoryType | 'openid';
export const isDirectory = (type: string): type is DirectoryType => type === 'ldap' || type === 'ad';

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
    'sync-defaults-options': {
      label: t.syncDefaults,
      help: t.syncDefaultsHelp,
      isMore: true,
      input: (field) => (
        <PropertyFields
          field={field}
          properties={{
            'remove-vanished': { label: t.removeVanished, choices: vanishing(t) },
            'enable-new': { label: t.enableNew },
          }}
        />
      ),
    },
  };
}

/** What a synchronisation can take away. */
function vanishing(t: Pick<(typeof words)['en'], 'removeEntry' | 'removeProperties' | 'removeAcl'>): Choice[] {
  return [
    { id: 'entry', label: t.removeEntry },
    { id: 'properties', label: t.removeProperties },
    { id: 'acl', label: t.removeAcl },
  ];
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

interface SyncProps {
  realm: string;
  type: DirectoryType;
  onStarted(upid: string): void;
  onCancel(): void;
}

/** Begins with what the realm does by itself, for whoever may read that. */
export function SyncRealmForm({ realm, type, ...ends }: SyncProps): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const { read }: { read: EndpointContract } = contracts[type];
  return (
    <>
      <p>{t.syncText}</p>
      {may('/access/domains', 'Sys.Audit') ? (
        <Loaded contract={read} parameters={{ realm }}>
          {(data) => <SyncForm realm={realm} defaults={data as Readonly<Record<string, unknown>>} {...ends} />}
        </Loaded>
      ) : (
        <SyncForm realm={realm} {...ends} />
      )}
    </>
  );
}

interface SyncFormProps extends Omit<SyncProps, 'type'> {
  /** The realm's entry, where it is known. */
  defaults?: Readonly<Record<string, unknown>>;
}

function SyncForm({ realm, defaults, onStarted, onCancel }: SyncFormProps): ReactNode {
  const t = useTexts(words);
  const text = String(defaults?.['sync-defaults-options'] ?? '');
  const known = parsePropertyString(syncDefaultsFormat, text).value ?? {};
  const initial = {
    'enable-new': known['enable-new'] ?? true,
    'remove-vanished': [known['remove-vanished'] ?? []].flat().join(';'),
  };
  return (
    <ContractForm
      contract={syncDomain}
      // Where nothing is chosen nothing goes, whatever the realm says.
      fixed={{ realm, ...(defaults === undefined ? {} : { 'remove-vanished': '' }) }}
      {...(defaults === undefined ? {} : { initial })}
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
              choices={vanishing(t)}
            />
          ),
        },
      }}
      submit={t.doSync}
      onDone={onStarted}
      onCancel={onCancel}
    />
  );
}
