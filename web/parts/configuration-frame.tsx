// What stands around every page of the configuration: the list of its sections, beside the page or above it.

import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { usePermissions } from '../base/permissions.ts';
import { texts, useTexts } from '../base/texts.ts';
import styles from './configuration-frame.module.css';
import { type SectionId, sectionGroups } from './configuration-sections.ts';
import { Select } from './field.tsx';
import { Icon } from './icon.tsx';

export const sectionWords = texts({
  en: {
    sections: 'Sections of the configuration',
    section: 'Section',
    backup: 'Backup',
    access: 'Access',
    server: 'Server',
    datastores: 'Datastores',
    jobs: 'Jobs',
    remotes: 'Remotes',
    's3-endpoints': 'S3 endpoints',
    'encryption-keys': 'Encryption keys',
    users: 'Users',
    tokens: 'API tokens',
    'second-factors': 'Two-factor',
    permissions: 'Permissions',
    realms: 'Realms',
    traffic: 'Traffic control',
    certificates: 'Certificates',
    notifications: 'Notifications',
    metrics: 'Metric servers',
    options: 'Server options',
  },
  de: {
    sections: 'Abschnitte der Konfiguration',
    section: 'Abschnitt',
    backup: 'Sicherung',
    access: 'Zugang',
    server: 'Server',
    datastores: 'Datastores',
    jobs: 'Jobs',
    remotes: 'Remotes',
    's3-endpoints': 'S3-Endpunkte',
    'encryption-keys': 'Schlüssel',
    users: 'Benutzer',
    tokens: 'API-Token',
    'second-factors': 'Zwei-Faktor',
    permissions: 'Berechtigungen',
    realms: 'Realms',
    traffic: 'Bandbreite',
    certificates: 'Zertifikate',
    notifications: 'Benachrichtigungen',
    metrics: 'Metrik-Server',
    options: 'Server-Optionen',
  },
});

export function ConfigurationFrame({ section, children }: { section: SectionId; children: ReactNode }): ReactNode {
  const t = useTexts(sectionWords);
  const permissions = usePermissions();
  const [, navigate] = useLocation();
  const groups = sectionGroups
    .map((group) => ({ ...group, sections: group.sections.filter((one) => one.isShown(permissions)) }))
    .filter((group) => group.sections.length > 0);
  return (
    <div className={styles['frame']}>
      <nav aria-label={t.sections} className={styles['sections']}>
        {groups.map((group) => (
          <div key={group.id}>
            <span className={styles['group']}>{t[group.id]}</span>
            <ul>
              {group.sections.map(({ id, icon }) => (
                <li key={id}>
                  <Link
                    href={`/configuration/${id}`}
                    className={`${styles['section']} ${id === section ? styles['here'] : ''}`}
                    aria-current={id === section ? 'page' : undefined}
                  >
                    <Icon name={icon} size={16} />
                    {t[id]}
                  </Link>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <div className={styles['choice']}>
        <Select
          label={t.section}
          choices={groups.flatMap(({ sections }) => sections.map(({ id }) => ({ id, label: t[id] })))}
          value={section}
          onChange={(id) => navigate(`/configuration/${id}`)}
        />
      </div>
      <div className={styles['page']}>{children}</div>
    </div>
  );
}
