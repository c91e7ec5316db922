import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asDatastoreWants } from './datastore-settings.ts';
import type { Notification, Severity } from './notification.ts';

const about = (type: string, severity: Severity): Notification => ({
  severity,
  timestamp: 1_700_000_000,
  fields: { type, datastore: 'ds1' },
  template: 'gc-ok',
  data: {},
});
type Settings = Parameters<typeof asDatastoreWants>[0];
/** To whom it goes: by matchers, to a user, or nobody. */
function wants(settings: Settings, type: string, severity: Severity): string {
  const wanted = asDatastoreWants(settings, about(type, severity));
  return wanted === undefined ? 'nobody' : (wanted['mailto-user'] ?? 'matchers');
}

test('the level drops what is below it, in both modes', () => {
  const severities: Severity[] = ['info', 'notice', 'warning', 'error', 'unknown'];
  for (const [level, sent] of [
    ['info', 5],
    ['notice', 4],
    ['warning', 3],
    ['error', 2],
  ] as const) {
    for (const mode of [{}, { 'notification-mode': 'legacy-sendmail' as const }]) {
      const kept = severities.filter((one) => wants({ 'notify-level': level, ...mode }, 'gc', one) !== 'nobody');
      assert.deepEqual(kept, severities.slice(5 - sent));
    }
  }
});

test('the mode of old mails to one user, as its settings say', () => {
  const old = { 'notification-mode': 'legacy-sendmail' as const };
  const cases: [Settings, string, Severity, string][] = [
    [{}, 'gc', 'info', 'matchers'],
    [{ notify: 'never' }, 'gc', 'info', 'matchers'],
    [{ 'notification-mode': 'notification-system' }, 'prune', 'info', 'matchers'],
    [old, 'gc', 'info', 'root@pam'],
    [old, 'verify', 'info', 'root@pam'],
    [old, 'sync', 'info', 'root@pam'],
    [old, 'prune', 'info', 'nobody'],
    [old, 'prune', 'error', 'root@pam'],
    [{ ...old, 'notify-user': 'ops@pbs' }, 'sync', 'error', 'ops@pbs'],
    [{ ...old, notify: 'gc=error,verify=never' }, 'gc', 'info', 'nobody'],
    [{ ...old, notify: 'gc=error,verify=never' }, 'gc', 'error', 'root@pam'],
    [{ ...old, notify: 'gc=error,verify=never' }, 'verify', 'error', 'nobody'],
    [{ ...old, notify: 'gc=error,verify=never' }, 'sync', 'info', 'root@pam'],
    [{ ...old, notify: 'always' }, 'prune', 'info', 'root@pam'],
    [{ ...old, notify: 'never' }, 'prune', 'error', 'nobody'],
    [{ ...old, notify: 'error' }, 'thresholds', 'warning', 'root@pam'],
    [{ ...old, notify: 'always', 'notify-level': 'warning' }, 'prune', 'info', 'nobody'],
  ];
  for (const [settings, type, severity, expected] of cases) {
    assert.equal(wants(settings, type, severity), expected, JSON.stringify([settings, type, severity]));
  }
  assert.throws(() => asDatastoreWants({ ...old, notify: 'gc=loud' }, about('gc', 'info')), { code: 'config-invalid' });
});
