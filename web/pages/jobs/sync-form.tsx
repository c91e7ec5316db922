// The form of a sync job. What there is on the other side is asked there, where the user may.

import type { ReactNode } from 'react';
import { listDatastores } from '../../../src/api/admin/datastore/list.contract.ts';
import { listNamespaces } from '../../../src/api/admin/datastore/namespace.contract.ts';
import { listEncryptionKeys } from '../../../src/api/config/encryption-keys.contract.ts';
import { remoteContracts, scanRemote, scanRemoteNamespaces } from '../../../src/api/config/remote.contract.ts';
import { syncJobContracts } from '../../../src/api/config/sync.contract.ts';
import { useCall } from '../../base/live.ts';
import { useTexts } from '../../base/texts.ts';
import { ChoiceInput } from '../../parts/choice-input.tsx';
import { ContractForm, type CustomField, type FieldHints } from '../../parts/contract-form.tsx';
import { askedChoices } from '../../parts/field.tsx';
import { useNamespaceChoices } from '../../parts/namespace-fields.tsx';
import type { FormEnds } from '../../parts/object-list.tsx';
import { storeChoices, useJobFields } from './fields.tsx';
import type { SyncJob } from './sync-list.tsx';
import { words } from './texts.ts';

interface Props {
  store: string | undefined;
  job?: SyncJob;
  direction: 'pull' | 'push';
  ends: FormEnds & { digest?: string | undefined };
}

export function SyncForm({ store, job, direction, ends }: Props): ReactNode {
  const t = useTexts(words);
  const { digest, ...doors } = ends;
  const fields = useSyncFields(store, job === undefined, direction);
  if (job === undefined) {
    const fixed = { ...(direction === 'push' ? { 'sync-direction': direction } : {}), ...(store ? { store } : {}) };
    return <ContractForm contract={syncJobContracts.create} fields={fields} fixed={fixed} {...doors} />;
  }
  return (
    <>
      <p className="quiet">{direction === 'push' ? t.isPush : t.isPull}</p>
      <ContractForm
        contract={syncJobContracts.update}
        fields={fields}
        initial={job}
        fixed={{ id: job.id, ...(digest === undefined ? {} : { digest }) }}
        {...doors}
      />
    </>
  );
}

function useSyncFields(store: string | undefined, isNew: boolean, direction: 'pull' | 'push') {
  const t = useTexts(words);
  const isPull = direction === 'pull';
  const { id, schedule, ...local } = useJobFields({ store, isNew });
  const fields: Record<string, FieldHints> = {
    ...(id === undefined ? {} : { id }),
    ...inSection(local, isPull ? t.into : t.from),
    remote: {
      section: isPull ? t.from : t.into,
      label: t.remote,
      help: isPull ? t.remoteHelp : '',
      isRequired: !isPull,
      input: (field) => <RemoteInput field={field} withThisServer={isPull} />,
    },
    'remote-store': { label: t.remoteStore, help: '', input: (field) => <RemoteStoreInput field={field} /> },
    'remote-ns': { label: t.remoteNs, help: '', input: (field) => <RemoteNamespaceInput field={field} /> },
    schedule: { ...schedule!, section: t.when },
    'remove-vanished': { section: t.what, label: t.removeVanished, help: t.removeVanishedHelp },
    'encrypted-only': { label: t.encryptedOnly, help: '' },
    'verified-only': { label: t.verifiedOnly, help: '' },
    ...(isPull ? { 'resync-corrupt': { label: t.resyncCorrupt, help: t.resyncCorruptHelp } } : {}),
    'transfer-last': { label: t.transferLast, help: t.transferLastHelp },
    comment: { label: t.comment, help: '' },
    'group-filter': { label: t.groupFilter, help: t.groupFilterHelp, isMore: true },
    owner: { label: t.owner, help: t.ownerHelp, isMore: true },
    ...(isPull
      ? { 'associated-key': { label: t.decryptKeys, help: t.decryptKeysHelp, isMore: true } }
      : {
          'active-encryption-key': {
            label: t.encryptKey,
            help: t.encryptKeyHelp,
            isMore: true,
            input: (field: CustomField) => <KeyInput field={field} />,
          },
        }),
    'worker-threads': { label: t.threads, help: t.threadsHelp, isMore: true },
    'rate-in': { label: t.rateIn, help: t.rateHelp, isMore: true, isShort: true },
    'burst-in': { label: t.burstIn, help: '', isMore: true, isShort: true },
    'rate-out': { label: t.rateOut, help: t.rateHelp, isMore: true, isShort: true },
    'burst-out': { label: t.burstOut, help: '', isMore: true, isShort: true },
    'run-on-mount': { label: t.runOnMount, help: '', isMore: true },
    'unmount-on-done': { label: t.unmountOnDone, help: '', isMore: true },
  };
  return fields;
}

/** The first of the fields gets the heading. */
function inSection(fields: Record<string, FieldHints>, section: string): Record<string, FieldHints> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, hints], index) => [name, index === 0 ? { ...hints, section } : hints]),
  );
}

const held = (field: CustomField, name: string): string => String(field.values[name] ?? '');

function RemoteInput({ field, withThisServer }: { field: CustomField; withThisServer: boolean }): ReactNode {
  const t = useTexts(words);
  const remotes = useCall(remoteContracts.list, {}, { every: 60_000 });
  const choices = askedChoices(remotes, (all) => [
    ...(withThisServer ? [{ id: '', label: t.thisServer }] : []),
    ...all.map(({ name, host }) => ({ id: name, label: `${name} (${host})` })),
  ]);
  return <ChoiceInput field={field} choices={choices} />;
}

function RemoteStoreInput({ field }: { field: CustomField }): ReactNode {
  const remote = held(field, 'remote');
  const there = useCall(scanRemote, { name: remote }, { every: false, enabled: remote !== '' });
  const here = useCall(listDatastores, {}, { every: 60_000, enabled: remote === '' });
  return <ChoiceInput field={field} choices={askedChoices(remote === '' ? here : there, storeChoices)} />;
}

function RemoteNamespaceInput({ field }: { field: CustomField }): ReactNode {
  const [remote, store] = [held(field, 'remote'), held(field, 'remote-store')];
  const there = useCall(
    scanRemoteNamespaces,
    { name: remote, store },
    { every: false, enabled: remote !== '' && store !== '' },
  );
  const here = useCall(listNamespaces, { store }, { every: 60_000, enabled: remote === '' && store !== '' });
  const list = remote === '' ? here : there;
  return <ChoiceInput field={field} choices={useNamespaceChoices(store === '' ? undefined : list)} />;
}

function KeyInput({ field }: { field: CustomField }): ReactNode {
  const t = useTexts(words);
  const keys = useCall(listEncryptionKeys, {}, { every: 60_000 });
  const choices = askedChoices(keys, (all) => [
    { id: '', label: t.noKey },
    ...all.map(({ id, hint }) => ({ id, label: hint === undefined ? id : `${id} (${hint})` })),
  ]);
  return <ChoiceInput field={field} choices={choices} />;
}
