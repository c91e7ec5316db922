// The whole interface: whoever is not logged in gets the login, everybody else the page of the address.

import { QueryClientProvider } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
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
  // What one user has seen is not for the next.
  return (
    <I18nProvider locale={language === 'de' ? 'de-DE' : 'en-US'}>
      <Results key={user}>{user === undefined ? <LoginPage /> : <LoggedIn user={user} />}</Results>
    </I18nProvider>
  );
}

function Results({ children }: { children: ReactNode }): ReactNode {
  const [results] = useState(newResults);
  return (
    <QueryClientProvider client={results}>
      <Router>{children}</Router>
    </QueryClientProvider>
  );
}

function LoggedIn({ user }: { user: string }): ReactNode {
  useEffect(keepSession, []);
  return <Shell user={user} />;
}
