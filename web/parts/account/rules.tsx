// Access rules: all that may be seen, or those of one's own tokens.

import type { ReactNode } from 'react';
import { listAcl, listRoles, updateAcl } from '../../../src/api/access/acl.contract.ts';
import { listUsers } from '../../../src/api/access/users.contract.ts';
import { listDatastores } from '../../../src/api/admin/datastore/list.contract.ts';
import { remoteContracts } from '../../../src/api/config/remote.contract.ts';
import { useCall, useChange, useWhole } from '../../base/live.ts';
import { useSession } from '../../base/session.ts';
import { useTexts } from '../../base/texts.ts';
import { ContractForm } from '../contract-form.tsx';
import type { Column } from '../data-table.tsx';
import { askedChoices, type Choices, TextInput, withChoices } from '../field.tsx';
import { type FormEnds, ObjectList } from '../object-list.tsx';
import { Notice } from '../state.tsx';
import { words } from './texts.ts';

interface Props {
  title: string;
  /** In a card, by that name in the address. */
  part?: string;
  mayChange: boolean;
  /** Only rules of the tokens of this user. */
  tokensOf?: string;
  intro?: ReactNode;
}

export function Rules({ title, part, mayChange, tokensOf, intro }: Props): ReactNode {
  const t = useTexts(words);
  const rules = useWhole(listAcl, {});
  const change = useChange(updateAcl);
  const me = useSession()?.user;
  type Rule = NonNullable<typeof rules.data>['data'][number];
  const seen = rules.data?.data.filter((rule) => tokensOf === undefined || rule.ugid.startsWith(`${tokensOf}!`));
  const nameOf = (rule: Rule): string => t.ruleName(rule.roleid, rule.path, rule.ugid);
  const columns: Column<Rule>[] = [
    { id: 'path', header: t.path, value: (rule) => rule.path, width: 'minmax(6rem, 1.5fr)' },
    {
      id: 'who',
      header: tokensOf === undefined ? t.userOrToken : t.token,
      value: (rule) => (rule.ugid_type === 'group' ? `@${rule.ugid}` : rule.ugid),
      width: 'minmax(6rem, 1.3fr)',
    },
    { id: 'role', header: t.role, value: (rule) => rule.roleid, width: 'minmax(5.5rem, 1.2fr)' },
    {
      id: 'below',
      header: t.holds,
      value: (rule) => (rule.propagate ? t.below : t.onlyThere),
      isExtra: true,
      width: 'minmax(10.5rem, 1fr)',
    },
  ];
  return (
    <ObjectList
      title={title}
      part={part}
      intro={intro}
      columns={columns}
      rows={seen}
      digest={rules.data?.digest}
      error={rules.error}
      rowId={(rule) => `${rule.path} ${rule.ugid} ${rule.roleid}`}
      nameOf={nameOf}
      empty={t.noRules}
      sort={{ id: 'path', desc: false }}
      add={mayChange && [{ id: 'rule', label: t.addRule, form: (ends) => <RuleForm tokensOf={tokensOf} {...ends} /> }]}
      remove={
        mayChange && {
          text: (rule) => (
            <>
              <p>{t.removeRule(rule.ugid, rule.roleid, rule.path)}</p>
              {rule.ugid === me && <Notice level="warn">{t.ownRule}</Notice>}
            </>
          ),
          run: ({ path, ugid, roleid }, digest) =>
            change.run({ path, 'auth-id': ugid, role: roleid, delete: true, digest }),
        }
      }
    />
  );
}

function RuleForm({ tokensOf, onDone, onCancel }: FormEnds & { tokensOf: string | undefined }): ReactNode {
  const t = useTexts(words);
  const who = withChoices(useAuthIds(), (all) =>
    all.filter(({ id }) => tokensOf === undefined || id.startsWith(`${tokensOf}!`)),
  );
  const roles = useCall(listRoles, {}, { every: false });
  const paths = useAclPaths();
  return (
    <ContractForm
      contract={updateAcl}
      fields={{
        path: {
          label: t.path,
          help: t.pathHelp,
          input: ({ schema: _schema, values: _values, ...field }) => <TextInput {...field} suggestions={paths} />,
        },
        'auth-id': {
          label: tokensOf === undefined ? t.userOrToken : t.token,
          help: '',
          choices: who,
          isRequired: true,
        },
        role: {
          label: t.role,
          help: '',
          choices: askedChoices(roles, (all) =>
            all.map(({ roleid, comment, privs }) => ({
              id: roleid,
              label: roleid,
              help: privs.length > 8 ? (comment ?? '') : [comment, privs.join(', ')].filter(Boolean).join(': '),
            })),
          ),
        },
        propagate: { label: t.propagate, help: t.propagateHelp },
      }}
      submit={t.addRule}
      onDone={onDone}
      onCancel={onCancel}
    />
  );
}

/** Users and tokens that may be seen, to choose from. */
export function useAuthIds(): Choices {
  const users = useCall(listUsers, { include_tokens: true });
  return askedChoices(users, (all) =>
    all
      .flatMap((user) => [user.userid, ...(user.tokens ?? []).map((token) => token.tokenid)])
      .map((id) => ({ id, label: id })),
  );
}

/** Paths that rules are usually set on. */
export function useAclPaths(): string[] {
  const { data: stores } = useCall(listDatastores, {});
  const { data: remotes } = useCall(remoteContracts.list, {});
  return [
    '/',
    '/datastore',
    ...(stores ?? []).map(({ store }) => `/datastore/${store}`),
    '/remote',
    ...((remotes ?? []) as { name: string }[]).map(({ name }) => `/remote/${name}`),
    '/access',
    '/access/acl',
    '/access/users',
    '/access/domains',
    '/system',
    '/system/certificates',
    '/system/disks',
    '/system/network/dns',
    '/system/network/interfaces',
    '/system/notifications',
    '/system/services',
    '/system/tasks',
    '/system/time',
  ];
}
