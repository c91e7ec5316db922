// Logging in: realm, name and password, then whatever second factor the user has; or at an OpenID provider.

import { startAuthentication } from '@simplewebauthn/browser';
import { type FormEvent, type ReactNode, useEffect, useState } from 'react';
import { listDomains } from '../../../src/api/access/acl.contract.ts';
import { readGreeting } from '../../../src/api/access/greeting.contract.ts';
import { openIdAuthUrl, openIdLogin } from '../../../src/api/access/openid.contract.ts';
import { createTicket } from '../../../src/api/access/ticket.contract.ts';
import { ApiError, call } from '../../base/api.ts';
import { useCall } from '../../base/live.ts';
import { sessionBegan } from '../../base/session.ts';
import { suggestLanguage } from '../../base/settings.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { ErrorText, Select, TextInput } from '../../parts/field.tsx';
import { fromBase64 } from '../../parts/written-text.ts';

import { type Challenge, readChallenge } from './challenge.ts';
import styles from './login.module.css';
import { words } from './texts.ts';

const lastRealm = 'granary-realm';

export function LoginPage(): ReactNode {
  const t = useTexts(words);
  const { data: realms } = useCall(listDomains, {}, { every: false });
  const { data: greeting, error: greetingError } = useCall(readGreeting, {}, { every: false });
  const [hasAgreed, setAgreed] = useState(false);
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [realm, setRealm] = useState(localStorage.getItem(lastRealm) ?? '');
  const [challenge, setChallenge] = useState<Challenge>();
  const [error, setError] = useState<string>();
  const [isRunning, setRunning] = useState(false);
  useEffect(() => {
    document.title = 'Granary';
    void finishOpenId().catch((cause: Error) => setError(cause.message));
  }, []);
  useEffect(() => {
    if (greeting !== undefined) suggestLanguage(greeting['default-lang']);
  }, [greeting]);
  useEffect(() => {
    if (realms === undefined || realms.some((one) => one.realm === realm)) return;
    setRealm(
      (realms.find((one) => one.default) ?? realms.find((one) => one.realm === 'pbs') ?? realms[0])?.realm ?? '',
    );
  }, [realms, realm]);
  const isOpenId = realms?.find((one) => one.realm === realm)?.type === 'openid';
  const name = user.includes('@') ? user : `${user}@${realm}`;

  const logIn = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setRunning(true);
    setError(undefined);
    try {
      localStorage.setItem(lastRealm, realm);
      if (isOpenId) {
        location.href = await call(openIdAuthUrl, { realm, 'redirect-url': location.origin });
        return;
      }
      const login = await call(createTicket, { username: name, password, 'http-only': true });
      const asked = login.ticket === undefined ? undefined : readChallenge(name, login.ticket);
      setPassword('');
      if (asked === undefined) sessionBegan(login.username, login.CSRFPreventionToken ?? '');
      else setChallenge(asked);
    } catch (cause) {
      setError(cause instanceof ApiError && cause.status === 401 ? t.refused : (cause as Error).message);
    } finally {
      setRunning(false);
    }
  };

  return (
    <main className={styles['page']}>
      <div className={styles['card']}>
        <h1>Granary</h1>
        <p className="quiet">{t.where(location.hostname)}</p>
        {greeting === undefined && greetingError === undefined ? null : greeting?.['consent-text'] && !hasAgreed ? (
          <Consent text={fromBase64(greeting['consent-text'])} onAgree={() => setAgreed(true)} />
        ) : challenge === undefined ? (
          <form className={styles['form']} onSubmit={(event) => void logIn(event)}>
            {realms !== undefined && realms.length > 1 && (
              <Select
                label={t.realm}
                choices={realms.map((one) => ({
                  id: one.realm,
                  label: one.comment ? `${one.realm} – ${one.comment}` : one.realm,
                }))}
                value={realm}
                onChange={setRealm}
              />
            )}
            {!isOpenId && (
              <>
                <TextInput
                  label={t.user}
                  name="username"
                  value={user}
                  onChange={setUser}
                  autoComplete="username"
                  autoFocus
                />
                <TextInput
                  label={t.password}
                  name="password"
                  type="password"
                  value={password}
                  onChange={setPassword}
                  autoComplete="current-password"
                />
              </>
            )}
            <ErrorText error={error} />
            <Button
              type="submit"
              kind="primary"
              isDisabled={isRunning || (!isOpenId && (user === '' || password === ''))}
            >
              {isOpenId ? t.atProvider : t.logIn}
            </Button>
          </form>
        ) : (
          <SecondFactor challenge={challenge} onBack={() => setChallenge(undefined)} />
        )}
      </div>
    </main>
  );
}

function Consent({ text, onAgree }: { text: string; onAgree(): void }): ReactNode {
  const t = useTexts(words);
  return (
    <>
      <h2>{t.consent}</h2>
      <div className={styles['consent']}>{text}</div>
      <Button kind="primary" onPress={onAgree}>
        {t.agree}
      </Button>
    </>
  );
}

/** Comes back from the provider: its answer is in the address. */
async function finishOpenId(): Promise<void> {
  const query = new URLSearchParams(location.search);
  const [state, code] = [query.get('state'), query.get('code')];
  const refusal = query.get('error_description') ?? query.get('error');
  if (state === null || (code === null && refusal === null)) return;
  history.replaceState(null, '', '/');
  if (code === null) throw new Error(refusal!);
  const login = await call(openIdLogin, { state, code, 'redirect-url': location.origin, 'http-only': true });
  sessionBegan(login.username, login.CSRFPreventionToken);
}

type Factor = 'totp' | 'webauthn' | 'recovery';

function SecondFactor({ challenge, onBack }: { challenge: Challenge; onBack(): void }): ReactNode {
  const t = useTexts(words);
  const factors = (['webauthn', 'totp', 'recovery'] as const).filter((one) => challenge[one] !== undefined);
  const [factor, setFactor] = useState<Factor>(factors[0] ?? 'totp');
  const [code, setCode] = useState('');
  const [error, setError] = useState<string>();
  const [isRunning, setRunning] = useState(false);
  const answer = async (): Promise<void> => {
    setRunning(true);
    setError(undefined);
    try {
      const text =
        factor === 'webauthn'
          ? JSON.stringify(await startAuthentication({ optionsJSON: challenge.webauthn! }))
          : code.trim();
      const login = await call(createTicket, {
        username: challenge.user,
        password: `${factor}:${text}`,
        'tfa-challenge': challenge.ticket,
        'http-only': true,
      });
      sessionBegan(login.username, login.CSRFPreventionToken ?? '');
    } catch (cause) {
      setError(cause instanceof ApiError && cause.status === 401 ? t.wrongFactor : (cause as Error).message);
      setCode('');
    } finally {
      setRunning(false);
    }
  };
  return (
    <form
      className={styles['form']}
      onSubmit={(event) => {
        event.preventDefault();
        void answer();
      }}
    >
      <h2>{t.secondFactor}</h2>
      {factors.length > 1 && (
        <Select
          label={t.factor}
          choices={factors.map((id) => ({ id, label: t[id] }))}
          value={factor}
          onChange={(value) => setFactor(value as Factor)}
        />
      )}
      {factor === 'totp' && (
        <TextInput label={t.totp} value={code} onChange={setCode} autoComplete="one-time-code" autoFocus />
      )}
      {factor === 'recovery' && (
        <TextInput
          label={t.recovery}
          help={t.recoveryHelp(challenge.recovery?.length ?? 0)}
          value={code}
          onChange={setCode}
          autoFocus
        />
      )}
      {factor === 'webauthn' && <p>{t.touchKey}</p>}
      <ErrorText error={error} />
      <Button type="submit" kind="primary" isDisabled={isRunning || (factor !== 'webauthn' && code === '')}>
        {factor === 'webauthn' ? t.useKey : t.logIn}
      </Button>
      <Button kind="plain" onPress={onBack}>
        {t.back}
      </Button>
    </form>
  );
}
