// Every page by its address, loaded when it is first looked at.

import { type ComponentType, type LazyExoticComponent, lazy } from 'react';

export interface Page {
  path: string;
  page: LazyExoticComponent<ComponentType>;
}

export const pages: readonly Page[] = [
  { path: '/', page: lazy(() => import('../pages/dashboard/dashboard.tsx')) },
  { path: '/tasks', page: lazy(() => import('../pages/tasks/tasks.tsx')) },
  { path: '/tasks/calendar', page: lazy(() => import('../pages/tasks/calendar.tsx')) },
  { path: '/tasks/:upid', page: lazy(() => import('../pages/tasks/task.tsx')) },
  { path: '/datastore/:store', page: lazy(() => import('../pages/datastore/summary.tsx')) },
  { path: '/datastore/:store/content', page: lazy(() => import('../pages/content/content.tsx')) },
  { path: '/datastore/:store/group', page: lazy(() => import('../pages/content/group.tsx')) },
  { path: '/datastore/:store/prune', page: lazy(() => import('../pages/content/prune.tsx')) },
  { path: '/datastore/:store/compare', page: lazy(() => import('../pages/content/compare.tsx')) },
  { path: '/datastore/:store/options', page: lazy(() => import('../pages/datastore/options.tsx')) },
  { path: '/datastore/:store/permissions', page: lazy(() => import('../pages/datastore/permissions.tsx')) },
  { path: '/datastore/:store/jobs', page: lazy(() => import('../pages/jobs/datastore-jobs.tsx')) },
  { path: '/configuration/jobs', page: lazy(() => import('../pages/jobs/jobs.tsx')) },
  { path: '/configuration/datastores', page: lazy(() => import('../pages/datastore/datastores.tsx')) },
  { path: '/datastore/:store/files', page: lazy(() => import('../pages/files/files.tsx')) },
  { path: '/keys', page: lazy(() => import('../pages/keys/keys.tsx')) },
  { path: '/configuration/:section?/:item?', page: lazy(() => import('../pages/configuration/configuration.tsx')) },
  { path: '/account', page: lazy(() => import('../pages/account/account.tsx')) },
  { path: '/administration', page: lazy(() => import('../pages/administration/administration.tsx')) },
  { path: '/administration/:section', page: lazy(() => import('../pages/administration/administration.tsx')) },
];
