// Verification jobs: which snapshots are read and checked, and how often again.

import type { ReactNode } from 'react';
import { listVerifyStatus, runVerifyJob } from '../../../src/api/admin/jobs.contract.ts';
import { verifyJobContracts } from '../../../src/api/config/verify.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { useChange, useWhole } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useTexts } from '../../base/texts.ts';
import { ContractForm, type FieldHints } from '../../parts/contract-form.tsx';
import { type FormEnds, ObjectList } from '../../parts/object-list.tsx';
import { useDueFields, VerifyNow } from '../../parts/verify-now.tsx';
import { useJobFields } from './fields.tsx';
import { useRunColumns, useRunNow } from './job-table.tsx';
import { aclPathOf, placeColumns } from './place.ts';
import { words } from './texts.ts';

type Job = Result<typeof listVerifyStatus>[number];

export function VerifyList({ store }: { store: string | undefined }): ReactNode {
  const t = useTexts(words);
  const { may, mayBelow } = usePermissions();
  const list = useWhole(listVerifyStatus, store === undefined ? {} : { store }, { every: 5000 });
  const start = useChange(runVerifyJob);
  const remove = useChange(verifyJobContracts.remove);
  const run = useRunNow<Job>(
    ({ id }) => start.run({ id }),
    ({ id }) => id,
  );
  const mayChange = (job: Job): boolean => may(aclPathOf(job), 'Datastore.Verify');
  const again = (job: Job): string => {
    if (job['ignore-verified'] === false) return t.everything;
    return job['outdated-after'] === undefined ? t.onlyNew : t.againAfter(job['outdated-after']);
  };
  return (
    <ObjectList
      part="verify"
      title={t.verify}
      intro={run.shown}
      empty={t.noVerify}
      columns={[
        { id: 'id', header: t.id, width: 'minmax(6.5rem, 1.6fr)', value: (job) => job.id },
        ...placeColumns<Job>(t, store),
        { id: 'again', header: t.what, value: again, isExtra: true, width: 'minmax(7rem, 2fr)' },
        ...useRunColumns<Job>(),
      ]}
      rows={list.data?.data}
      digest={list.data?.digest}
      error={list.error}
      rowId={(job) => job.id}
      buttons={store !== undefined && <VerifyNow store={store} />}
      actions={(job) => (mayChange(job) ? [run.action(job)] : [])}
      add={
        mayBelow(store === undefined ? '/datastore' : `/datastore/${store}`, 'Datastore.Verify') && [
          { id: 'new', label: t.addVerify, form: (ends) => <VerifyForm store={store} ends={ends} /> },
        ]
      }
      edit={{ isShown: mayChange, form: (job, ends) => <VerifyForm store={store} job={job} ends={ends} /> }}
      remove={{
        isShown: mayChange,
        text: (job) => <p>{t.removesVerify(job.id)}</p>,
        run: ({ id }, digest) => remove.run({ id, ...(digest === undefined ? {} : { digest }) }),
      }}
    />
  );
}

interface FormProps {
  store: string | undefined;
  job?: Job;
  ends: FormEnds & { digest?: string | undefined };
}

function VerifyForm({ store, job, ends }: FormProps): ReactNode {
  const t = useTexts(words);
  const { digest, ...doors } = ends;
  const isNew = job === undefined;
  const fields: Record<string, FieldHints> = {
    ...useJobFields({ store, isNew }),
    ...useDueFields(),
    comment: { label: t.comment, help: '' },
    'read-threads': { label: t.readThreads, isMore: true },
    'verify-threads': { label: t.verifyThreads, isMore: true },
  };
  return isNew ? (
    <ContractForm
      contract={verifyJobContracts.create}
      fields={fields}
      fixed={store === undefined ? {} : { store }}
      {...doors}
    />
  ) : (
    <ContractForm
      contract={verifyJobContracts.update}
      fields={fields}
      initial={job}
      fixed={{ id: job.id, ...(digest === undefined ? {} : { digest }) }}
      {...doors}
    />
  );
}
