// Dialogs: a form over the page, and the question before something is lost. Escape closes, focus returns.

import { type ReactNode, useState } from 'react';
import { Dialog as AriaDialog } from 'react-aria-components/Dialog';
import { Heading } from 'react-aria-components/Heading';
import { Modal, ModalOverlay } from 'react-aria-components/Modal';
import { texts, useTexts } from '../base/texts.ts';
import { Button } from './button.tsx';
import styles from './dialog.module.css';
import { ErrorText, TextInput } from './field.tsx';

const words = texts({
  en: {
    cancel: 'Cancel',
    close: 'Close',
    typeName: (name: string) => `Type ${name} to confirm`,
  },
  de: {
    cancel: 'Abbrechen',
    close: 'Schließen',
    typeName: (name) => `Zur Bestätigung ${name} eingeben`,
  },
});

interface DialogProps {
  title: string;
  isOpen: boolean;
  onClose(): void;
  /** Wide ones are for tables and logs. */
  size?: 'normal' | 'wide';
  /** A click beside it does not close it: it shows what cannot be shown again. */
  isKept?: boolean;
  children: ReactNode;
  /** Buttons; without them there is one that closes. */
  buttons?: ReactNode;
}

export function Dialog({ title, isOpen, onClose, size = 'normal', isKept, children, buttons }: DialogProps): ReactNode {
  const t = useTexts(words);
  return (
    <ModalOverlay
      isOpen={isOpen}
      onOpenChange={(open) => !open && onClose()}
      className={styles['overlay']!}
      isDismissable={isKept !== true}
    >
      <Modal className={`${styles['modal']} ${styles[size]}`}>
        <AriaDialog className={styles['dialog']!}>
          <header className={styles['head']}>
            <Heading slot="title" level={2}>
              {title}
            </Heading>
            <Button kind="plain" icon="close" iconOnly onPress={onClose}>
              {t.close}
            </Button>
          </header>
          <div className={styles['body']}>{children}</div>
          {buttons !== undefined && <footer className={styles['foot']}>{buttons}</footer>}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

interface ConfirmProps {
  title: string;
  isOpen: boolean;
  onClose(): void;
  /** What will happen, with numbers. */
  children: ReactNode;
  /** Name of the button: a verb. */
  action: string;
  /** Has to be typed before the button works: for what cannot be undone. */
  name?: string;
  /** Does it; a failure is shown, and the dialog stays. */
  onConfirm(): Promise<unknown>;
}

/** Asks before something is removed: says what goes, and wants its name typed. */
export function Confirm({ title, isOpen, onClose, children, action, name, onConfirm }: ConfirmProps): ReactNode {
  const t = useTexts(words);
  const [typed, setTyped] = useState('');
  const [error, setError] = useState<Error>();
  const [isRunning, setRunning] = useState(false);
  const close = (): void => {
    setTyped('');
    setError(undefined);
    onClose();
  };
  const confirm = async (): Promise<void> => {
    // Not disabled meanwhile: the button would lose the focus, and the dialog its keys.
    if (isRunning) return;
    setRunning(true);
    setError(undefined);
    try {
      await onConfirm();
      close();
    } catch (cause) {
      setError(cause as Error);
    } finally {
      setRunning(false);
    }
  };
  return (
    <Dialog
      title={title}
      isOpen={isOpen}
      onClose={close}
      buttons={
        <>
          <Button onPress={close}>{t.cancel}</Button>
          <Button kind="danger" isDisabled={name !== undefined && typed !== name} onPress={() => void confirm()}>
            {action}
          </Button>
        </>
      }
    >
      {children}
      {name !== undefined && <TextInput label={t.typeName(name)} value={typed} onChange={setTyped} autoFocus />}
      <ErrorText error={error} />
    </Dialog>
  );
}
