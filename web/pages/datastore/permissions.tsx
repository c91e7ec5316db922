// Who may do what in a datastore: the rules on it and on its namespaces, and those of above that reach it.

import { type ReactNode, useState } from 'react';
import { useParams } from 'wouter';
import { listAcl, updateAcl } from '../../../src/api/access/acl.contract.ts';
import { listUsers } from '../../../src/api/access/users.contract.ts';
import { listNamespaces } from '../../../src/api/admin/datastore/namespace.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { roles } from '../../../src/model/privileges.ts';
import { useCall, useChange, useWhole } from '../../base/live.ts';
import { usePermissions } from '../../base/permissions.ts';
import { useTexts } from '../../base/texts.ts';
import { ChoiceInput } from '../../parts/choice-input.tsx';
import { ContractForm, type CustomField } from '../../parts/contract-form.tsx';
import { DatastoreFrame } from '../../parts/datastore-frame.tsx';
import { askedChoices } from '../../parts/field.tsx';
import { type FormEnds, ObjectList } from '../../parts/object-list.tsx';
import { State } from '../../parts/state.tsx';
import { words } from './permission-texts.ts';

type Rule = Result<typeof listAcl>[number];

export default function DatastorePermissions(): ReactNode {
  const { store = '' } = useParams<{ store: string }>();
  const t = useTexts(words);
  const { may } = usePermissions();
  const acl = useWhole(listAcl, {});
  const change = useChange(updateAcl);
  const own = `/datastore/${store}`;
  const all = acl.data?.data.map((rule) => ({ ...rule, path: rule.path === '' ? '/' : rule.path }));
  const above = ['/', '/datastore'];
  const rules = all?.filter(
    ({ path, propagate }) => path === own || path.startsWith(`${own}/`) || (above.includes(path) && propagate),
  );
  const isAbove = (rule: Rule): boolean => above.includes(rule.path);
  /** A rule nearer to the datastore takes the place of those of above, for the same user. */
  const isReplaced = (rule: Rule): boolean =>
    isAbove(rule) &&
    (all ?? []).some(
      (other) =>
        other.ugid === rule.ugid &&
        other.path.length > rule.path.length &&
        (other.path === own || (other.path === '/datastore' && other.propagate)),
    );
  const mayChange = may('/access/acl', 'Permissions.Modify');
  return (
    <DatastoreFrame store={store} tab="permissions">
      <ObjectList
        part="rules"
        title={t.title}
        intro={<p className="quiet">{t.intro}</p>}
        columns={[
          { id: 'user', header: t.user, value: (rule) => rule.ugid, width: 'minmax(8rem, 1.5fr)' },
          { id: 'role', header: t.role, value: (rule) => rule.roleid, width: 'minmax(8rem, 1fr)' },
          {
            id: 'where',
            header: t.where,
            value: (rule) => rule.path,
            cell: (rule) => placeOf(rule, own, t),
            width: 'minmax(8rem, 1.5fr)',
            isExtra: true,
          },
          {
            id: 'below',
            header: t.below,
            value: (rule) => (rule.propagate ? t.yes : t.no),
            width: '8rem',
            isExtra: true,
          },
          {
            id: 'effect',
            header: t.effect,
            value: (rule) => (isReplaced(rule) ? 2 : isAbove(rule) ? 1 : 0),
            cell: (rule) =>
              isReplaced(rule) ? (
                <State level="quiet">{t.replaced}</State>
              ) : rule.roleid === 'NoAccess' ? (
                <State level="warn">{t.nothing}</State>
              ) : (
                <State level="good">{isAbove(rule) ? t.inherited : t.direct}</State>
              ),
            width: 'minmax(7rem, 1fr)',
          },
        ]}
        rows={rules}
        digest={acl.data?.digest}
        error={acl.error}
        rowId={(rule) => `${rule.path} ${rule.ugid} ${rule.roleid}`}
        nameOf={(rule) => t.rule(rule.roleid, rule.ugid)}
        empty={t.empty}
        add={mayChange && [{ id: 'new', label: t.add, form: (ends) => <AddRule store={store} ends={ends} /> }]}
        remove={
          mayChange && {
            isShown: (rule) => !isAbove(rule),
            text: (rule) => <p>{t.removes(rule.roleid, rule.ugid, rule.path)}</p>,
            run: (rule, digest) =>
              change.run({
                path: rule.path,
                role: rule.roleid as keyof typeof roles,
                'auth-id': rule.ugid,
                delete: true,
                ...(digest === undefined ? {} : { digest }),
              }),
          }
        }
      />
    </DatastoreFrame>
  );
}

function placeOf(
  { path }: Rule,
  own: string,
  t: { whole: string; namespace(ns: string): string; all: string },
): string {
  if (path === own) return t.whole;
  return path.startsWith(`${own}/`) ? t.namespace(path.slice(own.length + 1)) : `${t.all} (${path})`;
}

function AddRule({ store, ends }: { store: string; ends: FormEnds }): ReactNode {
  const t = useTexts(words);
  const [path] = useState(`/datastore/${store}`);
  // Roles that give or take something here.
  const choices = Object.entries(roles)
    .filter(([id, { privileges }]) => id === 'NoAccess' || privileges.some((one) => one.startsWith('Datastore.')))
    .map(([id, { comment }]) => ({ id, label: id, help: comment }));
  return (
    <ContractForm
      contract={updateAcl}
      fields={{
        'auth-id': { label: t.user, help: '', isRequired: true, input: (field) => <AuthIdInput field={field} /> },
        role: { label: t.role, help: '', choices },
        path: { label: t.where, help: '', input: (field) => <PlaceInput field={field} store={store} /> },
        propagate: { label: t.propagate, help: '' },
      }}
      initial={{ path }}
      submit={t.add}
      {...ends}
    />
  );
}

function AuthIdInput({ field }: { field: CustomField }): ReactNode {
  const users = useCall(listUsers, { include_tokens: true }, { every: 60_000 });
  const choices = askedChoices(users, (all) =>
    all.flatMap(({ userid, comment, tokens }) => [
      { id: userid, label: comment === undefined ? userid : `${userid} – ${comment}` },
      ...(tokens ?? []).map(({ tokenid }) => ({ id: tokenid, label: tokenid })),
    ]),
  );
  return <ChoiceInput field={field} choices={choices} />;
}

function PlaceInput({ field, store }: { field: CustomField; store: string }): ReactNode {
  const t = useTexts(words);
  const list = useCall(listNamespaces, { store }, { every: 60_000 });
  const own = `/datastore/${store}`;
  const choices = askedChoices(list, (all) => [
    { id: own, label: t.whole },
    ...all.filter(({ ns }) => ns !== '').map(({ ns }) => ({ id: `${own}/${ns}`, label: ns })),
  ]);
  return <ChoiceInput field={field} choices={choices} />;
}
