// The whole interface: whoever is not logged in gets the login, everybody else the page of the address.

import { QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, useEffect, useMemo } from 'react';
import { I18nProvider } from 'react-aria-components/I18nProvider';
import { Router } from 'wouter';
import { newResults } from '../base/live.ts';
import { useSession } from '../base/session.ts';
import { useSettings } from '../base/settings.ts';
import { LoginPage } from '../pages/login/login.tsx';
import { keepSession } from './renewal.ts';
import { Shell } from './shell.tsx';

export function App(): ReactNode {
  const session = useSession();
  const { language } = useSettings();
  const user = session?.user;
  // biome-ignore lint/correctness/useExhaustiveDependencies: what one user has seen is not for the next
  const results = useMemo(newResults, [user]);
  useEffect(() => (user === undefined ? undefined : keepSession()), [user]);
  return (
    <I18nProvider locale={language === 'de' ? 'de-DE' : 'en-US'}>
      <QueryClientProvider client={results}>
        <Router>{user === undefined ? <LoginPage /> : <Shell key={user} user={user} />}</Router>
      </QueryClientProvider>
    </I18nProvider>
  );
}
