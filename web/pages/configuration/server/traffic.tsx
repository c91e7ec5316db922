// Rules of traffic control, with what passes under each now.

import type { ReactNode } from 'react';
import { listTraffic } from '../../../../src/api/admin/traffic-control.contract.ts';
import { trafficRuleContracts } from '../../../../src/api/config/traffic-control.contract.ts';
import { bytes } from '../../../base/format.ts';
import { useChange, useWhole } from '../../../base/live.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useSettings } from '../../../base/settings.ts';
import { useTexts } from '../../../base/texts.ts';
import { ContractForm, type FieldHints } from '../../../parts/contract-form.tsx';
import type { Column } from '../../../parts/data-table.tsx';
import { ObjectList } from '../../../parts/object-list.tsx';
import { words } from './texts.ts';

export default function Traffic(): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const mayModify = usePermissions().may('/', 'Sys.Modify');
  const rules = useWhole(listTraffic, {}, { every: 2000 });
  const remove = useChange(trafficRuleContracts.remove);
  type Rule = NonNullable<typeof rules.data>['data'][number];
  const rate = (now: number, limit: string | undefined): string =>
    t.ofLimit(`${bytes(now, language)}/s`, limit === undefined ? t.unlimited : `${limit}/s`);
  const columns: Column<Rule>[] = [
    { id: 'name', header: t.rule, value: (rule) => rule.name, width: 'minmax(6rem, 1fr)' },
    {
      id: 'network',
      header: t.network,
      value: (rule) => rule.network.join(', '),
      isExtra: true,
      width: 'minmax(8rem, 1.3fr)',
    },
    {
      id: 'in',
      header: t.rateIn,
      value: (rule) => rule['cur-rate-in'],
      cell: (rule) => rate(rule['cur-rate-in'], rule['rate-in']),
      width: 'minmax(10rem, 1.2fr)',
    },
    {
      id: 'out',
      header: t.rateOut,
      value: (rule) => rule['cur-rate-out'],
      cell: (rule) => rate(rule['cur-rate-out'], rule['rate-out']),
      isExtra: true,
      width: 'minmax(10rem, 1.2fr)',
    },
    {
      id: 'times',
      header: t.timeframe,
      value: (rule) => rule.timeframe?.join(', ') ?? t.always,
      isExtra: true,
      width: 'minmax(6rem, 1fr)',
    },
    {
      id: 'users',
      header: t.users,
      value: (rule) => rule.users?.join(', ') ?? t.all,
      isExtra: true,
      width: 'minmax(5rem, 1fr)',
    },
  ];
  const fields = (isNew: boolean): Record<string, FieldHints> => ({
    ...(isNew ? { name: { label: t.name, help: '' } } : {}),
    network: { label: t.network, help: t.networkHelp },
    'rate-in': { label: t.limitIn, help: t.rateHelp },
    'rate-out': { label: t.limitOut, help: t.rateHelp },
    'burst-in': { label: t.burstIn, help: t.burstHelp, isMore: true },
    'burst-out': { label: t.burstOut, help: t.burstHelp, isMore: true },
    timeframe: { label: t.timeframe, help: t.timeframeHelp },
    users: { label: t.users, help: t.usersHelp },
    comment: { label: t.comment, help: '' },
  });
  return (
    <ObjectList
      title={t.traffic}
      intro={<p className="quiet">{t.trafficText}</p>}
      columns={columns}
      rows={rules.data?.data}
      digest={rules.data?.digest}
      error={rules.error}
      rowId={(rule) => rule.name}
      empty={t.noRules}
      sort={{ id: 'name', desc: false }}
      add={
        mayModify && [
          {
            id: 'rule',
            label: t.addRule,
            form: (ends) => (
              <ContractForm contract={trafficRuleContracts.create} fields={fields(true)} submit={t.addRule} {...ends} />
            ),
          },
        ]
      }
      edit={
        mayModify && {
          form: (rule, { digest, ...ends }) => (
            <ContractForm
              contract={trafficRuleContracts.update}
              initial={rule}
              fixed={{ name: rule.name, digest }}
              fields={fields(false)}
              {...ends}
            />
          ),
        }
      }
      remove={
        mayModify && {
          text: ({ name }) => <p>{t.removeRule(name)}</p>,
          run: ({ name }, digest) => remove.run({ name, digest }),
        }
      }
    />
  );
}
