// The tests that every kind of target passes, against a counterpart of its own.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StoredTarget } from '../../config/notification-config.ts';
import { runProgram } from '../../os/run-program.ts';
import type { Message } from '../render.ts';
import type { Surroundings, TargetKind } from '../targets/target.ts';

/** What a counterpart does with a message: takes it, refuses it with a reason that repeats secrets, or never answers. */
export type Mood = 'takes' | 'refuses' | 'silent';

export interface Counterpart extends AsyncDisposable {
  target: StoredTarget;
  around?: Partial<Surroundings>;
  /** Title and text of what came. */
  received(): { title: string; text: string }[];
  /** What of the target may not be told. */
  secrets: readonly string[];
}

export const message: Message = {
  title: 'Garbage Collect Datastore ‘grün’ failed',
  text: `Datastore: grün\n\nA long line: ${'x'.repeat(2000)}\n.\nfrom here on = "quoted" {{title}} \\ \`\`\`\n`,
  html: '<html><body><pre>\nDatastore: gr&uuml;n</pre></body></html>\n',
  severity: 'error',
  timestamp: 1_700_000_000,
  fields: { type: 'gc', datastore: 'ds1', hostname: 'pbs' },
  isReport: false,
};

export const surroundings: Surroundings = {
  run: runProgram,
  hostname: 'pbs',
  mailFrom: 'root',
  mailOf: (user) => ({ 'root@pam': 'root@example.com' })[user],
  log: () => {},
  trusted: [],
};

/** Declares the tests of a kind; `start` makes a counterpart and a target that leads to it. */
export function targetSuite(name: string, kind: TargetKind, start: (mood: Mood) => Promise<Counterpart>): void {
  const send = (counterpart: Counterpart, more: Partial<Surroundings> = {}, signal?: AbortSignal) =>
    kind.send(counterpart.target, message, { ...surroundings, ...counterpart.around, ...more }, signal);

  describe(name, () => {
    test('a message arrives once, as it was', async () => {
      await using counterpart = await start('takes');
      await send(counterpart);
      const [received, ...more] = counterpart.received();
      assert.equal(more.length, 0);
      assert.equal(received?.title, message.title);
      assert.ok(received.text.includes(message.text), received.text);
    });

    test('a refusal is an error with the reason and without secrets', async () => {
      await using counterpart = await start('refuses');
      await assert.rejects(send(counterpart), (error: Error) => {
        assert.match(error.message, /not today/);
        for (const secret of counterpart.secrets) assert.ok(!error.message.includes(secret), error.message);
        return true;
      });
      assert.equal(counterpart.received().length, 0);
    });

    test('nobody waits for a counterpart that does not answer', async () => {
      await using counterpart = await start('silent');
      await assert.rejects(send(counterpart, { timeoutMs: 100 }));
    });

    test('sending can be cancelled', async () => {
      await using counterpart = await start('silent');
      const stop = new AbortController();
      const sent = send(counterpart, {}, stop.signal);
      setTimeout(() => stop.abort(), 50);
      await assert.rejects(sent, { code: 'aborted' });
    });
  });
}
