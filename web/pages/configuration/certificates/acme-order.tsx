// For which names, and with which account, a certificate is ordered (node.cfg, config-and-tasks.md 3).

import { type ReactNode, useState } from 'react';
import { listAccounts } from '../../../../src/api/config/acme/accounts.contract.ts';
import { listPlugins } from '../../../../src/api/config/acme/plugins.contract.ts';
import { orderAcmeCertificate } from '../../../../src/api/nodes/certificates.contract.ts';
import { updateNodeConfig } from '../../../../src/api/nodes/config.contract.ts';
import {
  type AcmeDomain,
  acmeDomainKeys,
  acmeFormat,
  type NodeOptions,
  parseAcmeDomain,
} from '../../../../src/config/node-schema.ts';
import { parsePropertyString } from '../../../../src/config/property-string.ts';
import { useCall, useChange } from '../../../base/live.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useTexts } from '../../../base/texts.ts';
import { Button } from '../../../parts/button.tsx';
import { ContractForm } from '../../../parts/contract-form.tsx';
import type { Column } from '../../../parts/data-table.tsx';
import { Dialog } from '../../../parts/dialog.tsx';
import { askedChoices, ErrorText } from '../../../parts/field.tsx';
import { type FormEnds, ObjectList } from '../../../parts/object-list.tsx';
import { PropertyFields } from '../../../parts/property-fields.tsx';
import { words } from './texts.ts';

const node = 'localhost';
type DomainKey = (typeof acmeDomainKeys)[number];

export interface Domain extends AcmeDomain {
  key: DomainKey;
}

/** The names in the options; what cannot be read is left out. */
export function domainsOf(options: NodeOptions): Domain[] {
  return acmeDomainKeys.flatMap((key) => {
    const text = options[key];
    const value = text === undefined ? undefined : parseAcmeDomain(text).value;
    return value === undefined ? [] : [{ key, ...value }];
  });
}

/** The name of the account in the option `acme`. */
export function accountOf(acme: string | undefined): string | undefined {
  const account = acme === undefined ? undefined : parsePropertyString(acmeFormat, acme).value?.['account'];
  return account === undefined ? undefined : String(account);
}

interface Props {
  options: NodeOptions;
  digest: string | undefined;
  onTask(upid: string): void;
}

export function AcmeOrder({ options, digest, onTask }: Props): ReactNode {
  const t = useTexts(words);
  const mayModify = usePermissions().may('/system', 'Sys.Modify');
  const update = useChange(updateNodeConfig);
  const order = useChange(orderAcmeCertificate);
  const [opened, setOpened] = useState<{ digest: string | undefined }>();
  const account = accountOf(options.acme);
  const domains = domainsOf(options);
  const free = acmeDomainKeys.find((key) => options[key] === undefined);
  const columns: Column<Domain>[] = [
    { id: 'domain', header: t.domain, value: (one) => one.domain, width: 'minmax(9rem, 2fr)' },
    { id: 'plugin', header: t.plugin, value: (one) => one.plugin ?? 'standalone', isExtra: true },
    { id: 'alias', header: t.alias, value: (one) => one.alias, isExtra: true },
  ];
  return (
    <>
      <ObjectList
        title={t.acme}
        part="name"
        intro={
          <>
            <p className="quiet">{t.acmeText}</p>
            <p>
              {t.account}: {account ?? t.noAccount}
            </p>
            {(account === undefined || domains.length === 0) && <p className="quiet">{t.orderNeeds}</p>}
            <ErrorText error={order.error} />
          </>
        }
        columns={columns}
        rows={domains}
        digest={digest}
        error={undefined}
        rowId={(one) => one.key}
        nameOf={(one) => one.domain}
        empty={t.noDomains}
        buttons={
          <>
            {account !== undefined && domains.length > 0 && (
              <Button kind="primary" onPress={() => void order.run({ node }).then(onTask, () => {})}>
                {t.order}
              </Button>
            )}
            {mayModify && (
              <Button icon="user" onPress={() => setOpened({ digest })}>
                {t.chooseAccount}
              </Button>
            )}
          </>
        }
        add={
          mayModify &&
          free !== undefined && [
            {
              id: 'new',
              label: t.addDomain,
              form: (ends) => (
                <DomainForm place={free} value={undefined} digest={digest} submit={t.addDomain} {...ends} />
              ),
            },
          ]
        }
        edit={
          mayModify && {
            form: (one, { digest: opened, ...ends }) => (
              <DomainForm place={one.key} value={options[one.key]} digest={opened} {...ends} />
            ),
          }
        }
        remove={
          mayModify && {
            text: (one) => <p>{t.removeDomain(one.domain)}</p>,
            run: (one, seen) => update.run({ node, delete: [one.key], digest: seen }),
          }
        }
      />
      <Dialog title={t.chooseAccount} isOpen={opened !== undefined} onClose={() => setOpened(undefined)}>
        {opened !== undefined && (
          <AccountForm
            account={account}
            digest={opened.digest}
            onDone={() => setOpened(undefined)}
            onCancel={() => setOpened(undefined)}
          />
        )}
      </Dialog>
    </>
  );
}

function AccountForm(props: FormEnds & { account: string | undefined; digest: string | undefined }): ReactNode {
  const t = useTexts(words);
  const accounts = useCall(listAccounts, {});
  return (
    <ContractForm
      contract={updateNodeConfig}
      initial={{ acme: props.account }}
      fixed={{ node, digest: props.digest }}
      fields={{
        acme: {
          label: t.account,
          help: '',
          choices: askedChoices(accounts, (all) => all.map(({ name }) => ({ id: name, label: name }))),
        },
      }}
      onDone={props.onDone}
      onCancel={props.onCancel}
    />
  );
}

interface DomainFormProps extends FormEnds {
  place: DomainKey;
  value: string | undefined;
  digest: string | undefined;
  submit?: string;
}

function DomainForm({ submit, onDone, onCancel, ...opened }: DomainFormProps): ReactNode {
  const t = useTexts(words);
  // The next free place is another one as soon as this is taken.
  const [{ place, value, digest }] = useState(opened);
  const plugins = useCall(listPlugins, {});
  const choices = askedChoices(plugins, (all) =>
    all
      .filter(({ type }) => type === 'dns')
      .map(({ plugin, api }) => ({ id: plugin, label: api === undefined ? plugin : `${plugin} (${api})` })),
  );
  return (
    <ContractForm
      contract={updateNodeConfig}
      initial={{ [place]: value }}
      fixed={{ node, digest }}
      fields={{
        [place]: {
          label: t.domain,
          help: t.domainHelp,
          isRequired: true,
          input: (field) => (
            <PropertyFields
              field={field}
              absent={t.standalone}
              properties={{
                domain: { label: t.domain },
                plugin: { label: t.plugin, help: t.pluginHelp, choices },
                alias: { label: t.alias, help: t.aliasHelp },
              }}
            />
          ),
        },
      }}
      submit={submit}
      onDone={onDone}
      onCancel={onCancel}
    />
  );
}
