// The server's certificate, and ordering one that browsers trust.

import { type ReactNode, useState } from 'react';
import {
  certificateInfo,
  deleteCertificate,
  renewAcmeCertificate,
  revokeAcmeCertificate,
  uploadCertificate,
} from '../../../../src/api/nodes/certificates.contract.ts';
import { readNodeConfig } from '../../../../src/api/nodes/config.contract.ts';
import { dateTime } from '../../../base/format.ts';
import { useCall, useChange, useWhole } from '../../../base/live.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useSettings } from '../../../base/settings.ts';
import { useTexts } from '../../../base/texts.ts';
import { Button } from '../../../parts/button.tsx';
import { ContractForm } from '../../../parts/contract-form.tsx';
import { CopyText } from '../../../parts/copy-text.tsx';
import { Confirm, Dialog } from '../../../parts/dialog.tsx';
import { ErrorText } from '../../../parts/field.tsx';
import { Card, Facts, Page } from '../../../parts/page.tsx';
import { type Level, Notice, State } from '../../../parts/state.tsx';
import { TaskDialog } from '../../../parts/task-log.tsx';
import { Accounts } from './accounts.tsx';
import { AcmeOrder } from './acme-order.tsx';
import { Plugins } from './plugins.tsx';
import { words } from './texts.ts';

const node = 'localhost';
const day = 86400;

export default function Certificates(): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const [task, setTask] = useState<string>();
  const mayRead = may('/system', 'Sys.Audit');
  const options = useWhole(readNodeConfig, { node }, { enabled: mayRead });
  return (
    <Page title={t.certificates}>
      <Current onTask={setTask} />
      {mayRead && options.data !== undefined && (
        <AcmeOrder options={options.data.data} digest={options.data.digest} onTask={setTask} />
      )}
      <Accounts chosen={options.data?.data.acme} onTask={setTask} />
      <Plugins options={options.data?.data} />
      <TaskDialog upid={task} onClose={() => setTask(undefined)} />
    </Page>
  );
}

function Current({ onTask }: { onTask(upid: string): void }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const info = useCall(certificateInfo, { node }, { every: 30_000 });
  const selfSign = useChange(deleteCertificate);
  const renew = useChange(renewAcmeCertificate);
  const revoke = useChange(revokeAcmeCertificate);
  const [open, setOpen] = useState<'upload' | 'self-sign' | 'revoke'>();
  const close = (): void => setOpen(undefined);
  type Certificate = NonNullable<typeof info.data>[number];
  const current = info.data?.[0];
  const isSelfSigned = current !== undefined && current.issuer === current.subject;
  const facts = (one: Certificate): [string, ReactNode][] => [
    [t.subject, one.subject],
    [t.names, one.san.join(', ') || '–'],
    [t.issuer, isSelfSigned ? t.selfSigned : one.issuer],
    [t.validFrom, one.notbefore === undefined ? '–' : dateTime(one.notbefore, language)],
    [t.validUntil, <Validity key="until" certificate={one} />],
    [
      t.key,
      one['public-key-bits'] === undefined
        ? one['public-key-type']
        : t.bits(one['public-key-type'], one['public-key-bits']),
    ],
  ];
  return (
    <Card
      title={t.current}
      actions={
        <>
          <Button icon="download" onPress={() => setOpen('upload')}>
            {t.upload}
          </Button>
          <Button icon="refresh" onPress={() => setOpen('self-sign')}>
            {t.selfSign}
          </Button>
          {!isSelfSigned && (
            <>
              <Button icon="refresh" onPress={() => void renew.run({ node, force: true }).then(onTask, () => {})}>
                {t.renew}
              </Button>
              <Button icon="trash" onPress={() => setOpen('revoke')}>
                {t.revoke}
              </Button>
            </>
          )}
        </>
      }
    >
      <ErrorText error={info.error ?? renew.error} />
      {current !== undefined && (
        <>
          <Facts facts={facts(current)} />
          {current.fingerprint !== undefined && (
            <div>
              <span className="quiet">{t.fingerprint}</span>
              <CopyText label={t.fingerprint}>{current.fingerprint}</CopyText>
            </div>
          )}
        </>
      )}
      <Dialog title={t.upload} isOpen={open === 'upload'} onClose={close}>
        <Notice level="warn">{t.uploadText}</Notice>
        <ContractForm
          contract={uploadCertificate}
          fixed={{ node }}
          fields={{
            certificates: { label: t.chain, help: t.chainHelp, isLong: true },
            key: { label: t.privateKey, help: t.privateKeyHelp, isLong: true },
            force: { label: t.force, help: '', isMore: true },
          }}
          submit={t.upload}
          onDone={close}
          onCancel={close}
        />
      </Dialog>
      <Confirm
        title={t.selfSignTitle}
        isOpen={open === 'self-sign'}
        onClose={close}
        action={t.doReplace}
        onConfirm={() => selfSign.run({ node })}
      >
        <p>{t.selfSignText}</p>
      </Confirm>
      <Confirm
        title={t.revokeTitle}
        isOpen={open === 'revoke'}
        onClose={close}
        action={t.revoke}
        onConfirm={async () => onTask(await revoke.run({ node }))}
      >
        <p>{t.revokeText}</p>
      </Confirm>
    </Card>
  );
}

function Validity({ certificate }: { certificate: { notbefore?: number; notafter?: number } }): ReactNode {
  const t = useTexts(words);
  const { language } = useSettings();
  const { notbefore = 0, notafter } = certificate;
  if (notafter === undefined) return '–';
  const now = Date.now() / 1000;
  const days = Math.floor((notafter - now) / day);
  const level: Level = days < 0 || notbefore > now ? 'bad' : days < 30 ? 'warn' : 'good';
  const text =
    notbefore > now
      ? t.notYet
      : days < 0
        ? t.expired
        : days < 730
          ? t.left(days)
          : t.leftYears(Math.floor(days / 365.25));
  return (
    <>
      {dateTime(notafter, language)} <State level={level}>{text}</State>
    </>
  );
}
