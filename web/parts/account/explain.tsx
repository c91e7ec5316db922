// What somebody may do on a path, and why: each privilege with the rule that gives it, or with what is in the way.

import type { ReactNode } from 'react';
import { useSearchParams } from 'wouter';
import { explainPermissions } from '../../../src/api/access/acl.contract.ts';
import type { Result } from '../../../src/model/endpoint.ts';
import { useCall } from '../../base/live.ts';
import { useTexts } from '../../base/texts.ts';
import { Checkbox, ErrorText, Select, TextInput } from '../field.tsx';
import { Bar, Card } from '../page.tsx';
import { Notice, State } from '../state.tsx';
import styles from './account.module.css';
import { useAclPaths, useAuthIds } from './rules.tsx';
import { words } from './texts.ts';

type Explanation = Result<typeof explainPermissions>;
type Privilege = Explanation['privileges'][number];
type Rule = Explanation['rules'][number];
type Words = (typeof words)['en'];

/** Keeps what is asked in the address: `?who=…&path=…`. */
export function Explain({ title }: { title: string }): ReactNode {
  const t = useTexts(words);
  const [query, setQuery] = useSearchParams();
  const choices = useAuthIds();
  const paths = useAclPaths();
  const who = query.get('who') ?? '';
  const path = query.get('path') ?? '/';
  const onlyHeld = query.get('held') === '1';
  const set = (name: string, value: string): void =>
    setQuery(
      (old) => {
        const next = new URLSearchParams(old);
        next.set(name, value);
        return next;
      },
      { replace: true },
    );
  const isPath = /^\/$|^(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/.test(path);
  const answer = useCall(explainPermissions, { 'auth-id': who, path }, { enabled: who !== '' && isPath });
  const { data } = answer;
  const held = data?.privileges.filter(({ granted }) => granted).length ?? 0;
  const isShown = who !== '' && isPath && data !== undefined;
  return (
    <Card title={title}>
      <Bar>
        <Select label={t.userOrToken} choices={choices} value={who} onChange={(value) => set('who', value)} />
        <TextInput label={t.path} value={path} onChange={(value) => set('path', value)} suggestions={paths} />
        <Checkbox label={t.onlyHeld} value={onlyHeld} onChange={(value) => set('held', value ? '1' : '0')} />
      </Bar>
      <ErrorText error={who === '' ? undefined : answer.error} />
      {isShown && (
        <>
          {!data.active && <Notice level="warn">{t.notActive(data['auth-id'])}</Notice>}
          <p>{t.heldCount(data['auth-id'], held, data.privileges.length, data.path)}</p>
          {data.rules.length > 0 && (
            <>
              <h3>{t.rulesOnTheWay}</h3>
              <ul className={styles['rules']}>
                {data.rules.map((rule) => (
                  <li key={`${rule['auth-id']} ${rule.path} ${rule.role}`}>
                    <State level={rule.effect === 'applies' ? 'good' : 'quiet'}>{t[rule.effect]}</State>
                    <span>{t.ruleOnTheWay(rule.role, rule.path, rule['auth-id'])}</span>
                  </li>
                ))}
              </ul>
            </>
          )}
          <table className={styles['privileges']}>
            <thead>
              <tr>
                <th scope="col">{t.privilege}</th>
                <th scope="col">{t.held}</th>
                <th scope="col">{t.why}</th>
              </tr>
            </thead>
            <tbody>
              {data.privileges
                .filter(({ granted }) => granted || !onlyHeld)
                .map((one) => (
                  <tr key={one.privilege}>
                    <th scope="row">{one.privilege}</th>
                    <td>
                      {one.granted ? (
                        <State level="good">{one.propagated ? t.yesBelow : t.yesHere}</State>
                      ) : (
                        <State level="quiet">{t.no}</State>
                      )}
                    </td>
                    <td>{why(one, data['auth-id'], t)}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        </>
      )}
    </Card>
  );
}

function why(one: Privilege, authId: string, t: Words): string {
  const missing = one['missing-for'];
  if (missing !== undefined && missing !== authId) return t.userLacks(missing, reason(one, missing, t));
  return reason(one, authId, t);
}

function reason(one: Privilege, authId: string, t: Words): string {
  const name = (rule: Rule): string => t.roleOn(rule.role, rule.path);
  const names = (rules: readonly Rule[]): string => [...new Set(rules.map(name))].join(', ');
  switch (one.reason) {
    case 'superuser':
      return t.superuser;
    case 'rule': {
      const ofToken = one.rules.filter((rule) => rule['auth-id'] === authId);
      const ofUser = one.rules.filter((rule) => rule['auth-id'] !== authId);
      return ofUser.length === 0 ? names(ofToken) : t.both(names(ofToken), names(ofUser));
    }
    case 'no-rule':
      return t.noRule(authId);
    case 'no-access':
      return t.noAccess(one.rules[0]!.path);
    case 'not-in-role':
      return t.notInRole(names(one.rules));
    case 'replaced': {
      const replaced = one.rules.filter(({ effect }) => effect === 'replaced');
      return t.replacedBy(names(replaced), names(one.rules.filter(({ effect }) => effect === 'applies')));
    }
    case 'only-there':
      return t.onlyThereWhy(names(one.rules));
  }
}
