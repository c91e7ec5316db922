// The second factors of a user, or of all users: what is there, adding one of each kind, taking one out of use.

import { type ReactNode, useState } from 'react';
import { listTfa, removeTfa, updateTfa } from '../../../src/api/access/tfa.contract.ts';
import { getWebauthnConfig } from '../../../src/api/config/access/tfa/webauthn.contract.ts';
import { date, dateTime } from '../../base/format.ts';
import { useCall } from '../../base/live.ts';
import { useSettings } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { ContractForm } from '../contract-form.tsx';
import type { Column } from '../data-table.tsx';
import { Dialog } from '../dialog.tsx';
import { type AddForm, ObjectList } from '../object-list.tsx';
import { Notice, State } from '../state.tsx';
import { AddKeyForm } from './add-key-form.tsx';
import { AddTotpForm } from './add-totp-form.tsx';
import { useOwnPassword } from './own-password.ts';
import { RecoveryForm, RecoveryKeys } from './recovery-keys.tsx';
import { words } from './texts.ts';

interface Props {
  /** Only this user's; all that may be seen when it is absent. */
  userid?: string;
  mayChange: boolean;
  /** Above the table. */
  intro?: ReactNode;
  /** More buttons. */
  buttons?: ReactNode;
}

interface Factor {
  userid: string;
  id: string;
  type: 'totp' | 'u2f' | 'webauthn' | 'recovery' | 'yubico';
  description: string;
  created: number;
  enable?: boolean;
}

export function SecondFactors({ userid, mayChange, intro, buttons }: Props): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const all = useCall(listTfa, {});
  const webauthn = useCall(getWebauthnConfig, {}, { every: 60_000 });
  const [keys, setKeys] = useState<{ userid: string; keys: readonly string[] }>();
  const [removed, setRemoved] = useState<Factor>();
  const [toggled, setToggled] = useState<Factor>();
  const password = useOwnPassword('password');
  const users = all.data?.filter((user) => userid === undefined || user.userid === userid);
  const factors = users?.flatMap((user) => user.entries.map((entry): Factor => ({ userid: user.userid, ...entry })));
  const locks = userid === undefined ? undefined : users?.[0];
  const lockedUntil = (locks?.['tfa-locked-until'] ?? 0) > Date.now() / 1000 ? locks?.['tfa-locked-until'] : undefined;
  const nameOf = (factor: Factor): string => factor.description || t[factor.type];
  const left = (of: Factor): number =>
    factors?.filter((one) => one.userid === of.userid && one.id !== of.id && one.enable !== false).length ?? 0;
  const columns: Column<Factor>[] = [
    ...(userid === undefined
      ? [{ id: 'user', header: t.user, value: (factor: Factor) => factor.userid, width: 'minmax(7rem, 1.2fr)' }]
      : []),
    { id: 'factor', header: t.factor, value: nameOf, width: 'minmax(7rem, 1.3fr)' },
    { id: 'kind', header: t.kind, value: (factor) => t[factor.type], isExtra: true, width: 'minmax(8.8rem, 1fr)' },
    {
      id: 'state',
      header: t.state,
      value: (factor) => (factor.enable === false ? t.disabled : t.inUse),
      cell: (factor) =>
        factor.enable === false ? <State level="quiet">{t.disabled}</State> : <State level="good">{t.inUse}</State>,
      isExtra: userid === undefined,
      width: '7.3rem',
    },
    {
      id: 'created',
      header: t.created,
      value: (factor) => factor.created,
      cell: (factor) => date(factor.created, language),
      isExtra: true,
      width: '7.6rem',
    },
  ];
  const isKnown = webauthn.data?.id !== undefined;
  const add: AddForm[] = [
    { id: 'totp', label: t.addTotp, form: (ends) => <AddTotpForm userid={userid} {...ends} /> },
    { id: 'key', label: t.addKey, form: (ends) => <AddKeyForm userid={userid} isKnown={isKnown} {...ends} /> },
    {
      id: 'recovery',
      label: t.addRecovery,
      form: ({ onDone, onCancel }) => (
        <RecoveryForm
          userid={userid}
          onCancel={onCancel}
          onMade={(user, made) => {
            onDone();
            setKeys({ userid: user, keys: made });
          }}
        />
      ),
    },
  ];
  return (
    <>
      <ObjectList
        title={t.factors}
        part={userid === undefined ? undefined : 'factor'}
        intro={
          <>
            {intro}
            {locks?.['totp-locked'] && (
              <Notice level="bad">
                {t.locked}: {t.lockedTotp}
              </Notice>
            )}
            {lockedUntil !== undefined && (
              <Notice level="bad">
                {t.locked}: {t.lockedUntil(dateTime(lockedUntil, language))}
              </Notice>
            )}
          </>
        }
        columns={columns}
        rows={factors}
        error={all.error}
        rowId={(factor) => `${factor.userid}/${factor.id}`}
        empty={userid === undefined ? undefined : t.noFactors}
        add={mayChange && add}
        buttons={buttons}
        actions={
          mayChange
            ? (factor) => {
                const name = nameOf(factor);
                const toggle = factor.enable === false ? t.enableFactor(name) : t.disableFactor(name);
                const icon = factor.enable === false ? 'play' : 'stop';
                const run = (): void => setRemoved(factor);
                return [
                  ...(factor.type === 'recovery'
                    ? []
                    : [{ id: 'toggle', label: toggle, icon, run: () => setToggled(factor) } as const]),
                  { id: 'remove', label: t.removeButton(name), icon: 'trash', isDanger: true, run },
                ];
              }
            : undefined
        }
      />
      <Dialog
        title={removed === undefined ? '' : t.removeButton(nameOf(removed))}
        isOpen={removed !== undefined}
        onClose={() => setRemoved(undefined)}
      >
        {removed !== undefined && (
          <>
            <p>{t.removeFactor(nameOf(removed))}</p>
            {left(removed) === 0 && <Notice level="warn">{t.removeLast}</Notice>}
            <ContractForm
              contract={removeTfa}
              fixed={{ userid: removed.userid, id: removed.id }}
              fields={password}
              submit={t.remove}
              isDangerous
              onDone={() => setRemoved(undefined)}
              onCancel={() => setRemoved(undefined)}
            />
          </>
        )}
      </Dialog>
      <Dialog
        title={
          toggled === undefined
            ? ''
            : toggled.enable === false
              ? t.enableFactor(nameOf(toggled))
              : t.disableFactor(nameOf(toggled))
        }
        isOpen={toggled !== undefined}
        onClose={() => setToggled(undefined)}
      >
        {toggled !== undefined && (
          <>
            {toggled.enable !== false && left(toggled) === 0 && <Notice level="warn">{t.removeLast}</Notice>}
            <ContractForm
              contract={updateTfa}
              fixed={{ userid: toggled.userid, id: toggled.id, enable: toggled.enable === false }}
              fields={password}
              submit={t.change}
              onDone={() => setToggled(undefined)}
              onCancel={() => setToggled(undefined)}
            />
          </>
        )}
      </Dialog>
      <RecoveryKeys made={keys} onClose={() => setKeys(undefined)} />
    </>
  );
}
