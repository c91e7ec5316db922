// Servers that keep the objects of datastores: how they are reached, and a test with a bucket of theirs.

import { type ReactNode, useState } from 'react';
import { checkS3 } from '../../../../src/api/admin/s3/s3.contract.ts';
import { datastoreContracts } from '../../../../src/api/config/datastore.contract.ts';
import { listS3Buckets, s3EndpointContracts } from '../../../../src/api/config/s3.contract.ts';
import { parseBackend } from '../../../../src/config/datastore-schema.ts';
import { useCall, useChange, useWhole } from '../../../base/live.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useTexts } from '../../../base/texts.ts';
import { Button } from '../../../parts/button.tsx';
import { CheckList } from '../../../parts/check-list.tsx';
import { ContractForm, type FieldHints } from '../../../parts/contract-form.tsx';
import type { Column } from '../../../parts/data-table.tsx';
import { Dialog } from '../../../parts/dialog.tsx';
import { ErrorText } from '../../../parts/field.tsx';
import { ObjectList } from '../../../parts/object-list.tsx';
import { Notice } from '../../../parts/state.tsx';
import { words } from './s3-texts.ts';

const defaultPort = 443;

export default function S3Endpoints(): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const endpoints = useWhole(s3EndpointContracts.list, {});
  const stores = useCall(datastoreContracts.list, {});
  const remove = useChange(s3EndpointContracts.remove);
  const [tested, setTested] = useState<string>();
  type Endpoint = NonNullable<typeof endpoints.data>['data'][number];
  const usedBy = (id: string): string[] =>
    (stores.data ?? []).filter(({ backend }) => parseBackend(backend).client === id).map(({ name }) => name);
  const mayModify = ({ id }: Endpoint): boolean => may(`/system/s3-endpoint/${id}`, 'Sys.Modify');
  const columns: Column<Endpoint>[] = [
    { id: 'id', header: t.name, value: ({ id }) => id, width: 'minmax(6rem, 1fr)' },
    {
      id: 'endpoint',
      header: t.endpoint,
      value: ({ endpoint, port }) => `${endpoint}:${port ?? defaultPort}`,
      width: 'minmax(8rem, 1.6fr)',
    },
    { id: 'region', header: t.region, value: ({ region }) => region ?? '', isExtra: true },
    { id: 'access', header: t.accessKey, value: (one) => one['access-key'], isExtra: true },
    { id: 'used', header: t.used, value: ({ id }) => usedBy(id).join(', '), isExtra: true },
  ];
  const quirks = [
    { id: 'skip-if-none-match-header', label: t.noConditions },
    { id: 'delete-objects-via-delete-object', label: t.deletesSingly },
  ];
  const fields = (isNew: boolean): Record<string, FieldHints> => ({
    ...(isNew ? { id: { label: t.name, help: '' } } : {}),
    endpoint: { label: t.endpoint, help: t.endpointHelp },
    port: { label: t.port, help: '', byDefault: defaultPort },
    region: { label: t.region, help: '', byDefault: 'us-west-1' },
    'path-style': { label: t.pathStyle, help: t.pathStyleHelp },
    'access-key': { label: t.accessKey, help: '' },
    'secret-key': { label: t.secretKey, help: isNew ? '' : t.secretKept },
    fingerprint: { label: t.fingerprint, help: t.fingerprintHelp },
    'rate-in': { label: t.rateIn, help: t.rateHelp, isMore: true },
    'rate-out': { label: t.rateOut, help: t.rateHelp, isMore: true },
    'put-rate-limit': { label: t.putRate, help: t.putRateHelp, isMore: true },
    'provider-quirks': {
      label: t.quirks,
      help: t.quirksHelp,
      isMore: true,
      input: (field) => <CheckList {...field} separator={'\n'} choices={quirks} />,
    },
  });
  return (
    <>
      <ObjectList
        title={t.endpoints}
        intro={<p className="quiet">{t.endpointsText}</p>}
        columns={columns}
        rows={endpoints.data?.data}
        digest={endpoints.data?.digest}
        error={endpoints.error}
        rowId={({ id }) => id}
        empty={t.noEndpoints}
        sort={{ id: 'id', desc: false }}
        add={
          may('/system/s3-endpoint', 'Sys.Modify') && [
            {
              id: 'endpoint',
              label: t.addEndpoint,
              form: (ends) => (
                <ContractForm
                  contract={s3EndpointContracts.create}
                  fields={fields(true)}
                  submit={t.addEndpoint}
                  {...ends}
                />
              ),
            },
          ]
        }
        edit={{
          isShown: mayModify,
          form: (endpoint, { digest, ...ends }) => (
            <ContractForm
              contract={s3EndpointContracts.update}
              initial={endpoint}
              fixed={{ id: endpoint.id, digest }}
              fields={fields(false)}
              {...ends}
            />
          ),
        }}
        remove={{
          isShown: mayModify,
          isTyped: true,
          text: ({ id }) => (
            <>
              <p>{t.removeEndpoint(id)}</p>
              {usedBy(id).length > 0 && <Notice level="warn">{t.usedBy(usedBy(id).join(', '))}</Notice>}
            </>
          ),
          run: ({ id }, digest) => remove.run({ id, digest }),
        }}
        actions={({ id }) =>
          may('/', 'Sys.Modify') ? [{ id: 'test', label: t.testName(id), icon: 'play', run: () => setTested(id) }] : []
        }
      />
      <Dialog
        title={tested === undefined ? '' : t.testName(tested)}
        isOpen={tested !== undefined}
        onClose={() => setTested(undefined)}
      >
        {tested !== undefined && <EndpointTest id={tested} />}
      </Dialog>
    </>
  );
}

function EndpointTest({ id }: { id: string }): ReactNode {
  const t = useTexts(words);
  const buckets = useCall(listS3Buckets, { id }, { every: false });
  const check = useChange(checkS3);
  const [result, setResult] = useState<{ bucket: string; error?: string }>();
  const test = async (bucket: string): Promise<void> => {
    setResult(undefined);
    try {
      await check.run({ 's3-endpoint-id': id, bucket });
      setResult({ bucket });
    } catch (error) {
      setResult({ bucket, error: error instanceof Error ? error.message : String(error) });
    }
  };
  if (buckets.error !== undefined) return <ErrorText error={`${t.failed}: ${buckets.error.message}`} />;
  if (buckets.data === undefined) return <p role="status">{t.connecting}</p>;
  return (
    <>
      <Notice level="good">{t.reached}</Notice>
      {buckets.data.length === 0 ? <p>{t.noBuckets}</p> : <p className="quiet">{t.bucketsText}</p>}
      <ul>
        {buckets.data.map(({ name }) => (
          <li key={name}>
            {name}{' '}
            <Button kind="plain" onPress={() => test(name)}>
              {t.tryBucket(name)}
            </Button>
          </li>
        ))}
      </ul>
      <div role="status">
        {result !== undefined &&
          (result.error === undefined ? (
            <Notice level="good">{t.works(result.bucket)}</Notice>
          ) : (
            <ErrorText error={`${t.failed}: ${result.error}`} />
          ))}
      </div>
    </>
  );
}
