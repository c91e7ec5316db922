// The configuration: one section at a time, `/configuration/SECTION`, and in some an object, `/configuration/SECTION/ID`.

import { type ComponentType, type LazyExoticComponent, lazy, type ReactNode, Suspense } from 'react';
import { Redirect, useParams } from 'wouter';
import { usePermissions } from '../../base/permissions.ts';
import { useTexts } from '../../base/texts.ts';
import { ConfigurationFrame } from '../../parts/configuration-frame.tsx';
import { sectionGroups } from '../../parts/configuration-sections.ts';
import { words } from './texts.ts';

interface SectionPage {
  page: LazyExoticComponent<ComponentType>;
  /** For one object of the section. */
  item?: LazyExoticComponent<ComponentType<{ id: string }>>;
}

const sectionPages: Partial<Record<string, SectionPage>> = {
  users: { page: lazy(() => import('./access/users.tsx')), item: lazy(() => import('./access/user.tsx')) },
  tokens: { page: lazy(() => import('./access/all-tokens.tsx')) },
  permissions: { page: lazy(() => import('./access/permissions.tsx')) },
  remotes: { page: lazy(() => import('./backup/remotes.tsx')) },
  'encryption-keys': { page: lazy(() => import('./backup/encryption-keys.tsx')) },
  's3-endpoints': { page: lazy(() => import('./backup/s3-endpoints.tsx')) },
  realms: { page: lazy(() => import('./realms/realms.tsx')) },
  notifications: { page: lazy(() => import('./notifications/notifications.tsx')) },
  certificates: { page: lazy(() => import('./certificates/certificates.tsx')) },
  traffic: { page: lazy(() => import('./server/traffic.tsx')) },
  options: { page: lazy(() => import('./server/options.tsx')) },
  metrics: { page: lazy(() => import('./server/metrics.tsx')) },
  'second-factors': { page: lazy(() => import('./access/all-second-factors.tsx')) },
};

export default function Configuration(): ReactNode {
  const t = useTexts(words);
  const { section: wanted, item } = useParams<{ section?: string; item?: string }>();
  const permissions = usePermissions();
  if (permissions.isLoading) return <p className="quiet">{t.loading}</p>;
  const seen = sectionGroups.flatMap(({ sections }) => sections.filter((one) => one.isShown(permissions)));
  if (wanted === undefined) {
    const first = seen.find(({ id }) => id in sectionPages) ?? seen[0];
    return first === undefined ? t.nothing : <Redirect to={`/configuration/${first.id}`} replace />;
  }
  const section = seen.find(({ id }) => id === wanted);
  const pages = sectionPages[wanted];
  if (section === undefined || pages === undefined) return t.nothing;
  const { page: Page, item: Item } = pages;
  return (
    <ConfigurationFrame section={section.id}>
      <Suspense fallback={<p className="quiet">{t.loading}</p>}>
        {item !== undefined && Item !== undefined ? <Item key={item} id={decodeURIComponent(item)} /> : <Page />}
      </Suspense>
    </ConfigurationFrame>
  );
}
