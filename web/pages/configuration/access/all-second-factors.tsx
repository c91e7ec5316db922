// The second factors of all users, and how the server presents itself to security keys.

import { type ReactNode, useState } from 'react';
import { getWebauthnConfig, updateWebauthnConfig } from '../../../../src/api/config/access/tfa/webauthn.contract.ts';
import { useWhole } from '../../../base/live.ts';
import { usePermissions } from '../../../base/permissions.ts';
import { useTexts } from '../../../base/texts.ts';
import { SecondFactors } from '../../../parts/account/second-factors.tsx';
import { Button } from '../../../parts/button.tsx';
import { ContractForm } from '../../../parts/contract-form.tsx';
import { Dialog } from '../../../parts/dialog.tsx';
import { Notice } from '../../../parts/state.tsx';
import { words } from './texts.ts';

export default function AllSecondFactors(): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const settings = useWhole(getWebauthnConfig, {}, { every: 60_000 });
  const [opened, setOpened] = useState<{ data: Record<string, unknown>; digest: string | undefined }>();
  const close = (): void => setOpened(undefined);
  const known = settings.data?.data;
  return (
    <>
      <SecondFactors
        mayChange={may('/access/users', 'Permissions.Modify')}
        intro={
          known !== undefined &&
          (known.id === undefined ? (
            <Notice level="warn">{t.keysUnknown}</Notice>
          ) : (
            <p className="quiet">{t.keysKnown(known.id)}</p>
          ))
        }
        buttons={
          may('/access/domains', 'Permissions.Modify') && (
            <Button icon="settings" onPress={() => setOpened({ data: { ...known }, digest: settings.data?.digest })}>
              {t.keySettings}
            </Button>
          )
        }
      />
      <Dialog title={t.keySettings} isOpen={opened !== undefined} onClose={close}>
        {opened !== undefined && (
          <ContractForm
            contract={updateWebauthnConfig}
            initial={
              opened.data['id'] === undefined
                ? { rp: 'Granary', id: location.hostname, origin: location.origin }
                : opened.data
            }
            fixed={{ digest: opened.digest }}
            fields={{
              rp: { label: t.keyName },
              id: { label: t.keyId },
              origin: { label: t.keyOrigin },
              'allow-subdomains': { label: t.keySubdomains, byDefault: true },
            }}
            onDone={close}
            onCancel={close}
          />
        )}
      </Dialog>
    </>
  );
}
