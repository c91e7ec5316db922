// The kinds of targets, by the type of their sections: one file in targets/ and one line here each.

import type { StoredTarget } from '../config/notification-config.ts';
import { gotify } from './targets/gotify.ts';
import { sendmail } from './targets/sendmail.ts';
import { smtp } from './targets/smtp.ts';
import type { TargetKind } from './targets/target.ts';
import { webhook } from './targets/webhook.ts';

export const targets: Readonly<Record<StoredTarget['kind'], TargetKind>> = { sendmail, smtp, gotify, webhook };
