// Notifications: where they go, which go where, and a test of each target.

import { type ReactNode, useState } from 'react';
import {
  gotifyContracts,
  matcherContracts,
  sendmailContracts,
  smtpContracts,
  webhookContracts,
} from '../../../../src/api/config/notifications/kinds.contract.ts';
import {
  listNotificationTargets,
  testNotificationTarget,
} from '../../../../src/api/config/notifications/targets.contract.ts';
import { useChange, useWhole } from '../../../base/live.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useTexts } from '../../../base/texts.ts';
import { Button } from '../../../parts/button.tsx';
import type { Column } from '../../../parts/data-table.tsx';
import { Dialog } from '../../../parts/dialog.tsx';
import { ErrorText } from '../../../parts/field.tsx';
import { ObjectList } from '../../../parts/object-list.tsx';
import { Page } from '../../../parts/page.tsx';
import { Notice, State } from '../../../parts/state.tsx';
import { MatcherForm } from './matcher-form.tsx';
import { summaryOf } from './matcher-summary.ts';
import { AddTargetForm, EditTargetForm, type TargetType, targetTypes } from './target-forms.tsx';
import { words } from './texts.ts';

export default function Notifications(): ReactNode {
  const t = useTexts(words);
  return (
    <Page title={t.notifications}>
      <Targets />
      <Matchers />
    </Page>
  );
}

function Targets(): ReactNode {
  const t = useTexts(words);
  const mayModify = usePermissions().may('/system/notifications', 'Sys.Modify');
  const targets = useWhole(listNotificationTargets, {});
  const matchers = useWhole(matcherContracts.list, {});
  const removals = {
    sendmail: useChange(sendmailContracts.remove),
    smtp: useChange(smtpContracts.remove),
    gotify: useChange(gotifyContracts.remove),
    webhook: useChange(webhookContracts.remove),
  };
  const test = useChange(testNotificationTarget);
  const [tested, setTested] = useState<string>();
  type Target = NonNullable<typeof targets.data>['data'][number];
  const usedBy = (name: string): string =>
    (matchers.data?.data ?? [])
      .filter((matcher) => matcher.target?.includes(name))
      .map((matcher) => matcher.name)
      .join(', ');
  const columns: Column<Target>[] = [
    { id: 'name', header: t.name, value: (target) => target.name, width: 'minmax(7rem, 1fr)' },
    { id: 'kind', header: t.kind, value: (target) => t[target.type], isExtra: true, width: 'minmax(9.5rem, 1fr)' },
    {
      id: 'state',
      header: t.state,
      value: (target) => (target.disable ? t.disabled : t.active),
      cell: (target) => <InUse isDisabled={target.disable} />,
      width: '7.5rem',
    },
    { id: 'origin', header: t.origin, value: (target) => t[target.origin], isExtra: true, width: '8rem' },
    { id: 'comment', header: t.comment, value: (target) => target.comment, isExtra: true },
  ];
  const labels = { sendmail: t.addSendmail, smtp: t.addSmtp, gotify: t.addGotify, webhook: t.addWebhook };
  const startTest = (name: string): void => {
    test.reset();
    setTested(name);
    void test.run({ name }).catch(() => {});
  };
  return (
    <>
      <ObjectList
        title={t.targets}
        part="target"
        intro={<p className="quiet">{t.targetsText}</p>}
        columns={columns}
        rows={targets.data?.data}
        digest={targets.data?.digest}
        error={targets.error}
        rowId={(target) => target.name}
        sort={{ id: 'name', desc: false }}
        add={
          mayModify &&
          targetTypes.map((type) => ({
            id: type,
            label: labels[type],
            form: (ends) => <AddTargetForm type={type} submit={t.addTarget} {...ends} />,
          }))
        }
        edit={
          mayModify && {
            form: ({ name, type }, { digest: _, ...ends }) => (
              <EditTargetForm type={type as TargetType} name={name} {...ends} />
            ),
          }
        }
        remove={
          mayModify && {
            isShown: ({ origin }) => origin !== 'builtin',
            text: ({ name, origin }) => (
              <>
                <p>{origin === 'modified-builtin' ? t.resetTarget(name) : t.removeTarget(name)}</p>
                {origin !== 'modified-builtin' &&
                  (usedBy(name) === '' ? (
                    <p className="quiet">{t.lastTarget}</p>
                  ) : (
                    <Notice level="warn">{t.usedBy(usedBy(name))}</Notice>
                  ))}
              </>
            ),
            run: ({ name, type }, digest) => removals[type].run({ name, digest }),
          }
        }
        actions={
          mayModify
            ? ({ name }) => [{ id: 'test', label: t.test(name), icon: 'play', run: () => startTest(name) }]
            : undefined
        }
      />
      <Dialog
        title={tested === undefined ? '' : t.test(tested)}
        isOpen={tested !== undefined}
        onClose={() => setTested(undefined)}
        buttons={<Button onPress={() => setTested(undefined)}>{t.close}</Button>}
      >
        {test.error !== undefined ? (
          <ErrorText error={`${t.testFailed}: ${test.error.message}`} />
        ) : test.isRunning ? (
          <p role="status">{t.testing}</p>
        ) : (
          <Notice level="good">{t.tested}</Notice>
        )}
      </Dialog>
    </>
  );
}

function Matchers(): ReactNode {
  const t = useTexts(words);
  const mayModify = usePermissions().may('/system/notifications', 'Sys.Modify');
  const matchers = useWhole(matcherContracts.list, {});
  const remove = useChange(matcherContracts.remove);
  type Matcher = NonNullable<typeof matchers.data>['data'][number];
  const originOf = (matcher: Matcher): string => (matcher as { origin?: string }).origin ?? 'user-created';
  const columns: Column<Matcher>[] = [
    { id: 'name', header: t.name, value: (matcher) => matcher.name, width: 'minmax(8rem, 1fr)' },
    {
      id: 'summary',
      header: t.summary,
      value: (matcher) => summaryOf(matcher, t),
      isExtra: true,
      width: 'minmax(14rem, 4fr)',
    },
    {
      id: 'state',
      header: t.state,
      value: (matcher) => (matcher.disable ? t.disabled : t.active),
      cell: (matcher) => <InUse isDisabled={matcher.disable} />,
      width: '7.5rem',
    },
  ];
  return (
    <ObjectList
      title={t.matchers}
      part="matcher"
      intro={<p className="quiet">{t.matchersText}</p>}
      columns={columns}
      rows={matchers.data?.data}
      digest={matchers.data?.digest}
      error={matchers.error}
      rowId={(matcher) => matcher.name}
      empty={t.noMatchers}
      sort={{ id: 'name', desc: false }}
      add={mayModify && [{ id: 'new', label: t.addMatcher, form: (ends) => <MatcherForm {...ends} /> }]}
      edit={
        mayModify && {
          form: (matcher, { digest, ...ends }) => <MatcherForm matcher={matcher} digest={digest} {...ends} />,
        }
      }
      remove={
        mayModify && {
          isShown: (matcher) => originOf(matcher) !== 'builtin',
          text: (matcher) => (
            <p>
              {originOf(matcher) === 'modified-builtin' ? t.resetTarget(matcher.name) : t.removeMatcher(matcher.name)}
            </p>
          ),
          run: ({ name }, digest) => remove.run({ name, digest }),
        }
      }
    />
  );
}

function InUse({ isDisabled }: { isDisabled: boolean | undefined }): ReactNode {
  const t = useTexts(words);
  return isDisabled ? <State level="quiet">{t.disabled}</State> : <State level="good">{t.active}</State>;
}
