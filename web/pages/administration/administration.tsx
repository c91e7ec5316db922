// The machine and what watches it: a tab for each part that the user may see.

import { type ComponentType, lazy, type ReactNode, Suspense } from 'react';
import { Redirect, useParams } from 'wouter';
import { type Permissions, usePermissions } from '../../base/permissions.ts';
import { useTexts } from '../../base/texts.ts';
import { administrationSections, type SectionId } from '../../parts/administration-sections.ts';
import { ErrorText } from '../../parts/field.tsx';
import { Page } from '../../parts/page.tsx';
import { Tabs } from '../../parts/tabs.tsx';
import { words } from './texts.ts';

/** Loaded when looked at: the charts alone are larger than all the rest. */
const contents: Record<SectionId, ComponentType> = {
  status: lazy(() => import('./status.tsx')),
  services: lazy(() => import('./services.tsx')),
  journal: lazy(() => import('./journal.tsx')),
  network: lazy(() => import('./network.tsx')),
  disks: lazy(() => import('./disks.tsx')),
  audit: lazy(() => import('./audit.tsx')),
  versions: lazy(() => import('./versions.tsx')),
  console: lazy(() => import('./console.tsx')),
};

const addressOf = (id: SectionId): string => `/administration/${id}`;

export default function Administration(): ReactNode {
  const t = useTexts(words);
  const permissions = usePermissions();
  const { section } = useParams<{ section?: string }>();
  const shown = administrationSections.filter((one) => one.isShown(permissions));
  if (permissions.isLoading) return <Page title={t.title}>{null}</Page>;
  if (section === undefined && shown[0] !== undefined) return <Redirect to={addressOf(shown[0].id)} replace />;
  const current = administrationSections.find(({ id }) => id === section);
  return (
    <Page title={t.title}>
      <Tabs
        label={t.sections}
        tabs={shown.map(({ id }) => ({ to: addressOf(id), label: t[id] }))}
        current={`/administration/${section}`}
      />
      <Content section={current} permissions={permissions} />
    </Page>
  );
}

interface ContentProps {
  section: (typeof administrationSections)[number] | undefined;
  permissions: Permissions;
}

function Content({ section, permissions }: ContentProps): ReactNode {
  const t = useTexts(words);
  if (section === undefined) return <ErrorText error={t.noSection} />;
  if (!section.isShown(permissions)) return <ErrorText error={t.notAllowed} />;
  const Section = contents[section.id];
  return (
    <Suspense fallback={<p className="quiet">{t.loading}</p>}>
      <Section />
    </Suspense>
  );
}
