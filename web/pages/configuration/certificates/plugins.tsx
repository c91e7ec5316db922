// DNS plugins: how the provider of a certificate is shown that a name is ours.

import type { ReactNode } from 'react';
import {
  acmePluginContracts,
  getPlugin,
  listChallengeSchemas,
  listPlugins,
} from '../../../../src/api/config/acme/plugins.contract.ts';
import type { NodeOptions } from '../../../../src/config/node-schema.ts';
import { useCall, useChange, useWhole } from '../../../base/live.ts';
import { useTexts } from '../../../base/texts.ts';
import { ContractForm, type FieldHints } from '../../../parts/contract-form.tsx';
import type { Column } from '../../../parts/data-table.tsx';
import { askedChoices } from '../../../parts/field.tsx';
import { Loaded } from '../../../parts/loaded.tsx';
import { ObjectList } from '../../../parts/object-list.tsx';
import { Notice, State } from '../../../parts/state.tsx';
import { WrittenField } from '../../../parts/written-field.tsx';
import { fromBase64, toBase64 } from '../../../parts/written-text.ts';
import { domainsOf } from './acme-order.tsx';
import { words } from './texts.ts';

export function Plugins({ options }: { options: NodeOptions | undefined }): ReactNode {
  const t = useTexts(words);
  const plugins = useWhole(listPlugins, {});
  const hooks = useCall(listChallengeSchemas, {}, { every: false });
  const remove = useChange(acmePluginContracts.remove);
  type Plugin = NonNullable<typeof plugins.data>['data'][number];
  const usedBy = (plugin: string): string =>
    (options === undefined ? [] : domainsOf(options))
      .filter((one) => one.plugin === plugin)
      .map(({ domain }) => domain)
      .join(', ');
  const columns: Column<Plugin>[] = [
    { id: 'name', header: t.pluginName, value: ({ plugin }) => plugin, width: 'minmax(8rem, 1fr)' },
    { id: 'api', header: t.api, value: ({ api, type }) => api ?? type, isExtra: true },
    {
      id: 'state',
      header: t.state,
      value: ({ disable }) => (disable ? t.disabled : t.usable),
      cell: ({ disable }) =>
        disable ? <State level="quiet">{t.disabled}</State> : <State level="good">{t.usable}</State>,
      width: '9rem',
    },
  ];
  const fields: Record<string, FieldHints> = {
    api: {
      label: t.api,
      help: '',
      isRequired: true,
      choices: askedChoices(hooks, (all) => all.map(({ id, name }) => ({ id, label: name }))),
    },
    data: {
      label: t.data,
      help: t.dataHelp,
      input: (field) => <WrittenField field={field} read={fromBase64} write={toBase64} />,
    },
    'validation-delay': { label: t.delay },
    disable: { label: t.disable, help: '' },
  };
  return (
    <ObjectList
      title={t.plugins}
      part="plugin"
      intro={<p className="quiet">{t.pluginsText}</p>}
      columns={columns}
      rows={plugins.data?.data}
      digest={plugins.data?.digest}
      error={plugins.error}
      rowId={({ plugin }) => plugin}
      add={[
        {
          id: 'new',
          label: t.addPlugin,
          form: (ends) => (
            <ContractForm
              contract={acmePluginContracts.create}
              fixed={{ type: 'dns' }}
              fields={{ id: { label: t.pluginName, help: '' }, ...fields }}
              submit={t.addPlugin}
              {...ends}
            />
          ),
        },
      ]}
      edit={{
        isShown: ({ type }) => type === 'dns',
        form: ({ plugin: id }, { digest: _, ...ends }) => (
          <Loaded contract={getPlugin} parameters={{ id }}>
            {(data, digest) => (
              <ContractForm
                contract={acmePluginContracts.update}
                initial={data}
                fixed={{ id, digest }}
                fields={fields}
                {...ends}
              />
            )}
          </Loaded>
        ),
      }}
      remove={{
        isShown: ({ type }) => type === 'dns',
        isTyped: true,
        text: ({ plugin }) => (
          <>
            <p>{t.removePlugin(plugin)}</p>
            {usedBy(plugin) !== '' && <Notice level="warn">{t.pluginInUse(usedBy(plugin))}</Notice>}
          </>
        ),
        run: ({ plugin }, digest) => remove.run({ id: plugin, digest }),
      }}
    />
  );
}
