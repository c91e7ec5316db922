// Interfaces, name servers and clock of the machine, as they will be, with what waits to be applied.

import type { ReactNode } from 'react';
import { readDnsSettings } from '../../../src/api/nodes/dns.contract.ts';
import { listNetwork } from '../../../src/api/nodes/network.contract.ts';
import { nodeTime } from '../../../src/api/nodes/time.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { useCall, useWhole } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useTexts } from '../../base/texts.ts';
import { type Column, DataTable } from '../../parts/data-table.tsx';
import { ErrorText } from '../../parts/field.tsx';
import { Card, Cards, Facts } from '../../parts/page.tsx';
import { State } from '../../parts/state.tsx';
import styles from './administration.module.css';
import { words } from './texts.ts';

const node = 'localhost';
type Interface = Result<typeof listNetwork>[number];

export default function Network(): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const { data, error } = useWhole(listNetwork, { node });
  const maySeeDns = may('/system/network/dns', 'Sys.Audit');
  const dns = useCall(readDnsSettings, { node }, { every: 60_000, enabled: maySeeDns });
  const time = useCall(nodeTime, { node }, { every: 60_000 });
  const columns: Column<Interface>[] = [
    { id: 'name', header: t.name, value: ({ name }) => name, width: 'minmax(6rem, 1fr)' },
    { id: 'type', header: t.type, value: ({ type }) => type, width: '6rem', isExtra: true },
    {
      id: 'active',
      header: t.state,
      value: ({ active }) => (active ? t.active : t.inactive),
      cell: ({ active }) => <State level={active ? 'good' : 'quiet'}>{active ? t.active : t.inactive}</State>,
      width: '7rem',
    },
    {
      id: 'address',
      header: t.address,
      value: ({ cidr, cidr6, method }) => [cidr, cidr6].filter(Boolean).join(' ') || (method ?? ''),
      width: 'minmax(11rem, 2fr)',
    },
    {
      id: 'gateway',
      header: t.gateway,
      value: ({ gateway, gateway6 }) => [gateway, gateway6].filter(Boolean).join(' '),
      isExtra: true,
    },
    {
      id: 'parts',
      header: t.portsSlaves,
      value: (one) => [...(one.bridge_ports ?? []), ...(one.slaves ?? [])].join(' '),
      isExtra: true,
      width: 'minmax(8rem, 1fr)',
    },
    {
      id: 'autostart',
      header: t.atBoot,
      value: ({ autostart }) => (autostart ? t.yes : t.no),
      width: '7rem',
      isExtra: true,
    },
    {
      id: 'comments',
      header: t.notes,
      value: ({ comments }) => comments?.trim(),
      cell: ({ comments }) => <span className="cut">{comments?.trim()}</span>,
      isExtra: true,
    },
  ];
  const servers = [dns.data?.dns1, dns.data?.dns2, dns.data?.dns3].filter((one) => one !== undefined);
  return (
    <>
      <DataTable
        label={t.interfaces}
        columns={columns}
        rows={data?.data}
        error={error}
        rowId={({ name }) => name}
        height="auto"
      />
      {data?.changes !== undefined && data.changes !== '' && (
        <Card title={t.pending}>
          <p>
            <State level="warn">{t.pendingText}</State>
          </p>
          <pre className={styles['text']}>{data.changes}</pre>
        </Card>
      )}
      <Cards>
        {maySeeDns && (
          <Card title={t.dns}>
            <ErrorText error={dns.error} />
            <Facts
              facts={[
                [t.searchDomain, dns.data?.search ?? '–'],
                [t.nameServers, servers.length === 0 ? '–' : servers.join(', ')],
              ]}
            />
          </Card>
        )}
        <Card title={t.time}>
          <ErrorText error={time.error} />
          <Facts facts={[[t.timeZone, time.data?.timezone ?? '–']]} />
        </Card>
      </Cards>
    </>
  );
}
