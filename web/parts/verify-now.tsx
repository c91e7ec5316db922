// Verifies a datastore or a part of it at once: the button, the options of the call, and the task.

import { type ReactNode, useState } from 'react';
import { verifyBackups } from '../../src/api/admin/datastore/jobs.contract.ts';
import { usePermissions } from '../base/permissions.ts';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from './button.tsx';
import { ContractForm, type FieldHints } from './contract-form.tsx';
import { Dialog } from './dialog.tsx';
import { NamespaceInput, useDepths } from './namespace-fields.tsx';
import { TaskDialog } from './task-log.tsx';

const words = texts({
  en: {
    button: 'Verify …',
    title: (store: string) => `Verify ${store}`,
    what: 'Reads every chunk that the snapshots need, and checks it. Backups go on meanwhile.',
    run: 'Verify',
    ns: 'Namespace',
    depth: 'Namespaces below',
    ignoreVerified: 'Skip what is verified already',
    ignoreVerifiedHelp: 'Otherwise everything is read each time.',
    outdatedAfter: 'Verify again after days',
    outdatedAfterHelp: 'Disks forget silently: 30 is a good value. Empty: never again.',
  },
  de: {
    button: 'Verifizieren …',
    title: (store) => `${store} verifizieren`,
    what: 'Liest jeden Chunk, den die Snapshots brauchen, und prüft ihn. Sicherungen laufen währenddessen weiter.',
    run: 'Verifizieren',
    ns: 'Namespace',
    depth: 'Namespaces darunter',
    ignoreVerified: 'Überspringen, was schon verifiziert ist',
    ignoreVerifiedHelp: 'Sonst wird jedes Mal alles gelesen.',
    outdatedAfter: 'Nach so vielen Tagen erneut verifizieren',
    outdatedAfterHelp: 'Platten vergessen lautlos: 30 ist ein guter Wert. Leer: nie wieder.',
  },
});

/** Which snapshots are due, as jobs have it too. */
export function useDueFields(): Record<string, FieldHints> {
  const t = useTexts(words);
  return {
    'ignore-verified': { label: t.ignoreVerified, help: t.ignoreVerifiedHelp, byDefault: true },
    'outdated-after': {
      label: t.outdatedAfter,
      help: t.outdatedAfterHelp,
      isShown: (values) => values['ignore-verified'] === true,
    },
  };
}

interface Props {
  store: string;
  /** The namespace to begin with. */
  ns?: string;
}

/** Nothing for whoever may not. */
export function VerifyNow({ store, ns = '' }: Props): ReactNode {
  const t = useTexts(words);
  const { may } = usePermissions();
  const [isOpen, setOpen] = useState(false);
  const [task, setTask] = useState<string>();
  const depths = useDepths();
  const due = useDueFields();
  const path = ns === '' ? `/datastore/${store}` : `/datastore/${store}/${ns}`;
  if (!may(path, 'Datastore.Verify', 'Datastore.Backup')) return null;
  return (
    <>
      <Button icon="check" onPress={() => setOpen(true)}>
        {t.button}
      </Button>
      <Dialog title={t.title(store)} isOpen={isOpen} onClose={() => setOpen(false)}>
        <p>{t.what}</p>
        <ContractForm
          contract={verifyBackups}
          fixed={{ store }}
          fields={{
            ns: { label: t.ns, help: '', input: (field) => <NamespaceInput field={field} store={store} /> },
            'max-depth': { label: t.depth, help: '', choices: depths },
            ...due,
          }}
          initial={{ ns }}
          submit={t.run}
          onDone={(upid) => {
            setOpen(false);
            setTask(upid);
          }}
          onCancel={() => setOpen(false)}
        />
      </Dialog>
      <TaskDialog upid={task} onClose={() => setTask(undefined)} />
    </>
  );
}
