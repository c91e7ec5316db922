// InfluxDB servers that measurements are sent to, by UDP and by HTTP.

import type { ReactNode } from 'react';
import {
  influxDbHttpContracts,
  influxDbUdpContracts,
} from '../../../../src/api/config/metrics/metric-servers.contract.ts';
import type { InfluxDbHttp, InfluxDbUdp } from '../../../../src/config/metric-server-schema.ts';
import { useChange, useWhole } from '../../../base/live.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useTexts } from '../../../base/texts.ts';
import { ContractForm, type FieldHints } from '../../../parts/contract-form.tsx';
import type { Column } from '../../../parts/data-table.tsx';
import { ObjectList } from '../../../parts/object-list.tsx';
import { State } from '../../../parts/state.tsx';
import { words } from './texts.ts';

type Server = ({ kind: 'udp' } & InfluxDbUdp) | ({ kind: 'http' } & InfluxDbHttp);

export default function MetricServers(): ReactNode {
  const t = useTexts(words);
  const mayModify = usePermissions().may('/', 'Sys.Modify');
  const udp = useWhole(influxDbUdpContracts.list, {});
  const http = useWhole(influxDbHttpContracts.list, {});
  const removeUdp = useChange(influxDbUdpContracts.remove);
  const removeHttp = useChange(influxDbHttpContracts.remove);
  const servers: Server[] | undefined = udp.data &&
    http.data && [
      ...udp.data.data.map((one): Server => ({ kind: 'udp', ...one })),
      ...http.data.data.map((one): Server => ({ kind: 'http', ...one })),
    ];
  const columns: Column<Server>[] = [
    { id: 'name', header: t.name, value: (one) => one.name, width: 'minmax(6rem, 1fr)' },
    { id: 'kind', header: t.kind, value: (one) => t[one.kind], isExtra: true, width: 'minmax(9rem, 1fr)' },
    {
      id: 'address',
      header: t.address,
      value: (one) => (one.kind === 'udp' ? one.host : one.url),
      isExtra: true,
      width: 'minmax(10rem, 2fr)',
    },
    {
      id: 'state',
      header: t.state,
      value: (one) => (one.enable === false ? t.disabled : t.sending),
      cell: (one) =>
        one.enable === false ? <State level="quiet">{t.disabled}</State> : <State level="good">{t.sending}</State>,
      width: '7rem',
    },
  ];
  const common: Record<string, FieldHints> = {
    enable: { label: t.enabled, help: '' },
    comment: { label: t.comment, help: '' },
  };
  const name: Record<string, FieldHints> = { name: { label: t.name, help: '' } };
  const udpFields: Record<string, FieldHints> = {
    host: { label: t.host, help: t.hostHelp },
    ...common,
    mtu: { label: t.mtu, isMore: true },
  };
  const httpFields = (isNew: boolean): Record<string, FieldHints> => ({
    url: { label: t.url, help: '' },
    organization: { label: t.organization, help: '' },
    bucket: { label: t.bucket, help: '' },
    token: { label: t.token, type: 'password', help: isNew ? '' : t.tokenKept },
    'verify-tls': { label: t.verify, help: '' },
    ...common,
    'max-body-size': { label: t.body, help: '', isMore: true },
  });
  return (
    <ObjectList
      title={t.metrics}
      intro={<p className="quiet">{t.metricsText}</p>}
      columns={columns}
      rows={servers}
      digest={udp.data?.digest}
      error={udp.error ?? http.error}
      rowId={(one) => one.name}
      empty={t.noServers}
      sort={{ id: 'name', desc: false }}
      add={
        mayModify && [
          {
            id: 'http',
            label: t.addHttp,
            form: (ends) => (
              <ContractForm
                contract={influxDbHttpContracts.create}
                fields={{ ...name, ...httpFields(true) }}
                submit={t.addHttp}
                {...ends}
              />
            ),
          },
          {
            id: 'udp',
            label: t.addUdp,
            form: (ends) => (
              <ContractForm
                contract={influxDbUdpContracts.create}
                fields={{ ...name, ...udpFields }}
                submit={t.addUdp}
                {...ends}
              />
            ),
          },
        ]
      }
      edit={
        mayModify && {
          form: ({ kind, ...one }, { digest, ...ends }) => {
            const common = { initial: one, fixed: { name: one.name, digest }, ...ends };
            return kind === 'udp' ? (
              <ContractForm contract={influxDbUdpContracts.update} fields={udpFields} {...common} />
            ) : (
              <ContractForm contract={influxDbHttpContracts.update} fields={httpFields(false)} {...common} />
            );
          },
        }
      }
      remove={
        mayModify && {
          text: (one) => <p>{t.removeServer(one.name)}</p>,
          run: ({ kind, name }, digest) => (kind === 'udp' ? removeUdp : removeHttp).run({ name, digest }),
        }
      }
    />
  );
}
