// A process that appends entries to the audit log of the home that is named.

import { systemClock } from '../../base/clock.ts';
import { jsonLogger } from '../../base/log.ts';
import { resolveDirectories } from '../../config/directories.ts';
import { AuditLog } from '../audit-log.ts';

const [, , home, name] = process.argv;
const log = new AuditLog(resolveDirectories(home!, 'home'), systemClock, jsonLogger());
for (let n = 0; n < 50; n++) await log.append({ action: `child ${name}`, target: String(n), result: 'OK' });
