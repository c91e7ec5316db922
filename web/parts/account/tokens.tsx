// API tokens of a user, or of all: made with a secret that is shown once.

import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import { listAcl } from '../../../src/api/access/acl.contract.ts';
import { generateToken, removeToken, updateToken } from '../../../src/api/access/tokens.contract.ts';
import { listUsers } from '../../../src/api/access/users.contract.ts';
import { parseAuthId } from '../../../src/model/auth-id.ts';
import { date } from '../../base/format.ts';
import { useCall, useChange, useWhole } from '../../base/live.ts';
import { useSession } from '../../base/session.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { ContractForm, type FieldHints } from '../contract-form.tsx';
import type { Column } from '../data-table.tsx';
import { Confirm } from '../dialog.tsx';
import { expiryField } from '../expiry-field.tsx';
import { askedChoices, type Choices } from '../field.tsx';
import { type FormEnds, ObjectList } from '../object-list.tsx';
import { State } from '../state.tsx';
import { AccountState, stateOf } from './account-state.tsx';
import { type Secret, SecretDialog } from './secret-dialog.tsx';
import { words } from './texts.ts';
import { userChoices } from './user-choice.ts';

interface Props {
  /** Only this user's; all that may be seen when it is absent. */
  userid?: string;
  mayChange: boolean;
}

interface Token {
  tokenid: string;
  comment?: string;
  enable?: boolean;
  expire?: number;
}

export function Tokens({ userid, mayChange }: Props): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const users = useWhole(listUsers, { include_tokens: true });
  const rules = useCall(listAcl, {});
  const update = useChange(updateToken);
  const remove = useChange(removeToken);
  const [secret, setSecret] = useState<Secret>();
  const [renewed, setRenewed] = useState<Token>();
  const isOwn = useSession()?.user === userid;
  const tokens = users.data?.data
    .filter((user) => userid === undefined || user.userid === userid)
    .flatMap((user): Token[] => user.tokens ?? []);
  const rulesOf = (tokenid: string): number => rules.data?.filter((rule) => rule.ugid === tokenid).length ?? 0;
  const columns: Column<Token>[] = [
    { id: 'token', header: t.token, value: (token) => token.tokenid, width: 'minmax(9rem, 2fr)' },
    {
      id: 'state',
      header: t.state,
      value: (token) => t[stateOf(token)],
      cell: (token) => <AccountState account={token} />,
      width: '6.7rem',
    },
    {
      id: 'rights',
      header: t.rights,
      value: (token) => rulesOf(token.tokenid),
      cell: (token) =>
        rulesOf(token.tokenid) > 0 || rules.data === undefined ? (
          t.hasRights(rulesOf(token.tokenid))
        ) : (
          <State level="warn">{t.noRights}</State>
        ),
      isExtra: true,
      width: '7rem',
    },
    {
      id: 'expire',
      header: t.expires,
      value: (token) => token.expire || undefined,
      cell: (token) => (token.expire ? date(token.expire, language) : <span className="quiet">{t.never}</span>),
      isExtra: true,
      width: '7.6rem',
    },
    { id: 'comment', header: t.comment, value: (token) => token.comment, isExtra: true, width: 'minmax(5rem, 1fr)' },
  ];
  return (
    <>
      <ObjectList
        title={t.tokens}
        part={userid === undefined ? undefined : 'token'}
        intro={
          <p className="quiet">
            {t.separation}{' '}
            {mayChange && (isOwn ? null : <Link href="/configuration/permissions?add=rule">{t.giveRights}</Link>)}
          </p>
        }
        columns={columns}
        rows={tokens}
        digest={users.data?.digest}
        error={users.error}
        rowId={(token) => token.tokenid}
        empty={t.noTokens}
        sort={{ id: 'token', desc: false }}
        add={
          mayChange && [
            {
              id: 'token',
              label: t.addToken,
              form: (ends) => (
                <AddTokenForm
                  userid={userid}
                  users={askedChoices({ ...users, data: users.data?.data }, userChoices)}
                  ends={ends}
                  onMade={setSecret}
                />
              ),
            },
          ]
        }
        edit={
          mayChange && {
            form: (token, { digest, ...ends }) => (
              <ContractForm
                contract={updateToken}
                initial={{ ...token }}
                fixed={{ ...partsOf(token.tokenid), digest }}
                fields={tokenFields(t)}
                {...ends}
              />
            ),
          }
        }
        remove={
          mayChange && {
            text: ({ tokenid }) => (
              <>
                <p>{t.removeToken(tokenid)}</p>
                <p className="quiet">{t.owns}</p>
              </>
            ),
            run: ({ tokenid }, digest) => remove.run({ ...partsOf(tokenid), digest }),
            isTyped: true,
          }
        }
        actions={
          mayChange
            ? (token) => [
                {
                  id: 'regenerate',
                  label: t.regenerate(token.tokenid),
                  icon: 'refresh',
                  run: () => setRenewed(token),
                },
              ]
            : undefined
        }
      />
      <Confirm
        title={renewed === undefined ? '' : t.regenerate(renewed.tokenid)}
        isOpen={renewed !== undefined}
        onClose={() => setRenewed(undefined)}
        action={t.newSecret}
        onConfirm={async () => {
          const { tokenid } = renewed!;
          const answer = await update.run({ ...partsOf(tokenid), regenerate: true });
          if (answer !== null) setSecret({ tokenid, value: answer.secret });
        }}
      >
        <p>{t.regenerateText}</p>
      </Confirm>
      <SecretDialog secret={secret} onClose={() => setSecret(undefined)} />
    </>
  );
}

interface AddProps {
  userid: string | undefined;
  users: Choices;
  ends: FormEnds;
  onMade(secret: Secret): void;
}

function AddTokenForm({ userid, users, ends, onMade }: AddProps): ReactNode {
  const t = useTexts(words);
  return (
    <ContractForm
      contract={generateToken}
      fixed={userid === undefined ? {} : { userid }}
      fields={{
        ...(userid === undefined ? { userid: { label: t.user, choices: users } } : {}),
        'token-name': { label: t.tokenName, help: t.tokenNameHelp },
        ...tokenFields(t),
      }}
      submit={t.addToken}
      onDone={(made) => {
        ends.onDone();
        onMade(made);
      }}
      onCancel={ends.onCancel}
    />
  );
}

function tokenFields(t: (typeof words)['en']): Record<string, FieldHints> {
  return {
    enable: { label: t.tokenEnabled, help: '', byDefault: true },
    expire: { label: t.expires, help: t.tokenExpiresHelp, input: expiryField },
    comment: { label: t.comment, help: '' },
  };
}

function partsOf(tokenid: string): { userid: string; 'token-name': string } {
  const { name, realm, token } = parseAuthId(tokenid)!;
  return { userid: `${name}@${realm}`, 'token-name': token! };
}
