// What stands around every page: the bar with the user, and the way to all the others.

import { type ReactNode, Suspense, useState } from 'react';
import { Link, Route, Switch, useLocation } from 'wouter';
import { deleteTicket } from '../../src/api/access/ticket.contract.ts';
import { listDatastores } from '../../src/api/admin/datastore/list.contract.ts';
import { call } from '../base/api.ts';
import { useCall } from '../base/live.ts';
import { type Permissions, usePermissions } from '../base/permissions.ts';
import { sessionEnded } from '../base/session.ts';
import { texts, useTexts } from '../base/texts.ts';
import { maySeeAdministration } from '../parts/administration-sections.ts';
import { Button } from '../parts/button.tsx';
import { maySeeConfiguration } from '../parts/configuration-sections.ts';
import { ErrorBoundary } from '../parts/error-boundary.tsx';
import { Icon, type IconName } from '../parts/icon.tsx';
import { HelpMenu } from './help-menu.tsx';
import { pages } from './routes.tsx';
import { RunningMenu } from './running-menu.tsx';
import { SettingsMenu } from './settings-menu.tsx';
import styles from './shell.module.css';

const words = texts({
  en: {
    menu: 'Menu',
    main: 'Main navigation',
    skip: 'Skip to the content',
    logout: 'Log out',
    loading: 'Loading …',
    notFound: 'There is no page at this address.',
    dashboard: 'Dashboard',
    datastores: 'Datastores',
    tasks: 'Tasks',
    configuration: 'Configuration',
    administration: 'Administration',
    keys: 'Encryption keys',
    account: (user: string) => `Your account, ${user}`,
  },
  de: {
    menu: 'Menü',
    main: 'Hauptnavigation',
    skip: 'Zum Inhalt springen',
    logout: 'Abmelden',
    loading: 'Wird geladen …',
    notFound: 'Unter dieser Adresse gibt es keine Seite.',
    dashboard: 'Übersicht',
    datastores: 'Datastores',
    tasks: 'Aufgaben',
    configuration: 'Konfiguration',
    administration: 'Verwaltung',
    keys: 'Schlüssel',
    account: (user) => `Ihr Konto, ${user}`,
  },
});

type Word = 'dashboard' | 'tasks' | 'configuration' | 'administration' | 'keys';

interface Place {
  to: string;
  label: Word;
  icon: IconName;
  /** Left out for whoever may see nothing there. */
  isShown?(permissions: Permissions): boolean;
}

/** The navigation's fixed part, from top to bottom. */
const places: readonly Place[] = [
  { to: '/', label: 'dashboard', icon: 'dashboard' },
  { to: '/tasks', label: 'tasks', icon: 'tasks' },
  { to: '/configuration', label: 'configuration', icon: 'settings', isShown: maySeeConfiguration },
  { to: '/administration', label: 'administration', icon: 'server', isShown: maySeeAdministration },
  { to: '/keys', label: 'keys', icon: 'key' },
];

export function Shell({ user }: { user: string }): ReactNode {
  const t = useTexts(words);
  const [isOpen, setOpen] = useState(false);
  const [location] = useLocation();
  const [openedAt, setOpenedAt] = useState(location);
  // The menu closes when another page is shown.
  if (openedAt !== location) {
    setOpenedAt(location);
    setOpen(false);
  }
  const logOut = (): void => {
    void call(deleteTicket, {}).catch(() => {});
    sessionEnded();
  };
  return (
    <div className={styles['shell']}>
      <a className={styles['skip']} href="#content">
        {t.skip}
      </a>
      <header className={styles['bar']}>
        <span className={styles['menuButton']}>
          <Button kind="plain" icon="menu" iconOnly onPress={() => setOpen(!isOpen)} aria-expanded={isOpen}>
            {t.menu}
          </Button>
        </span>
        <Link href="/" className={styles['name']!}>
          Granary
        </Link>
        <span className={styles['space']} />
        <Link href="/account" className={styles['user']!} aria-label={t.account(user)}>
          <Icon name="user" />
          <span>{user}</span>
        </Link>
        <RunningMenu />
        <HelpMenu />
        <SettingsMenu />
        <Button kind="plain" icon="logout" iconOnly onPress={logOut}>
          {t.logout}
        </Button>
      </header>
      <nav aria-label={t.main} className={`${styles['nav']} ${isOpen ? styles['open'] : ''}`}>
        <Navigation />
      </nav>
      <main id="content" tabIndex={-1} className={styles['content']}>
        <ErrorBoundary place={location}>
          <Suspense fallback={<p className="quiet">{t.loading}</p>}>
            <Switch>
              {pages.map(({ path, page }) => (
                <Route key={path} path={path} component={page} />
              ))}
              <Route>{t.notFound}</Route>
            </Switch>
          </Suspense>
        </ErrorBoundary>
      </main>
    </div>
  );
}

function Navigation(): ReactNode {
  const t = useTexts(words);
  const permissions = usePermissions();
  const { data: datastores } = useCall(listDatastores, {}, { every: 30_000 });
  return (
    <ul className={styles['places']}>
      {places
        .filter((place) => place.isShown?.(permissions) ?? true)
        .map(({ to, label, icon }) => (
          <li key={to}>
            <PlaceLink to={to} icon={icon}>
              {t[label]}
            </PlaceLink>
          </li>
        ))}
      <li>
        <span className={styles['group']}>{t.datastores}</span>
        <ul className={styles['places']}>
          {(datastores ?? []).map(({ store }) => (
            <li key={store}>
              <PlaceLink to={`/datastore/${store}`} icon="datastore">
                {store}
              </PlaceLink>
            </li>
          ))}
        </ul>
      </li>
    </ul>
  );
}

function PlaceLink({ to, icon, children }: { to: string; icon: IconName; children: string }): ReactNode {
  const [location] = useLocation();
  const isHere = to === '/' ? location === '/' : location === to || location.startsWith(`${to}/`);
  return (
    <Link
      href={to}
      className={`${styles['place']} ${isHere ? styles['here'] : ''}`}
      aria-current={isHere ? 'page' : undefined}
    >
      <Icon name={icon} />
      <span>{children}</span>
    </Link>
  );
}
