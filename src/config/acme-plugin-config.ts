// acme/plugins.cfg (config-and-tasks.md 3): mode 0600, the settings of hooks hold credentials.

import { join } from 'node:path';
import { dnsPluginSchema, standalonePluginSchema } from './acme-plugin-schema.ts';
import type { Directories } from './directories.ts';
import { SectionStore } from './section-store.ts';

/** The plugin that exists without a section. */
export const standalonePlugin = 'standalone';

/** The DNS plugins as a table; `names` has the others, too. */
export class AcmePluginConfig extends SectionStore<typeof dnsPluginSchema> {
  constructor(directories: Directories) {
    const path = join(directories.config, 'acme', 'plugins.cfg');
    const others = { standalone: { schema: standalonePluginSchema, id: 'id' } };
    super({ path, mode: 0o600, type: 'dns', what: 'plugin', id: 'id', schema: dnsPluginSchema, others });
  }

  /** Names of plugins that answer by a web server of our own; one is always there. */
  standalone(): string[] {
    const sections = [...this.file.current().value.values()].filter(({ type }) => type === standalonePlugin);
    return [...new Set([standalonePlugin, ...sections.map((section) => section.id)])];
  }
}
