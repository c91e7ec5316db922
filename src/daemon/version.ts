// What the server says it is. Clients decide by it which calls they make, so it names the API level, not the package.

import type { ServerVersion } from '../wire/context.ts';

export const serverVersion: ServerVersion = { version: '4.2', release: '3', repoid: 'granary' };
