// A form whose work is done in the browser and takes a moment: what is being done, and what went wrong with it.

import { type FormEvent, type ReactNode, useState } from 'react';
import { Button } from '../../parts/button.tsx';
import { ErrorText } from '../../parts/field.tsx';
import styles from './keys.module.css';

interface Props {
  children: ReactNode;
  /** Name of the button. */
  action: string;
  /** Said while it works. */
  working: string;
  isComplete: boolean;
  run(): Promise<void>;
}

export function SecretForm({ children, action, working, isComplete, run }: Props): ReactNode {
  const [error, setError] = useState<string>();
  const [isRunning, setRunning] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setRunning(true);
    setError(undefined);
    try {
      await run();
    } catch (cause) {
      setError((cause as Error).message);
    } finally {
      setRunning(false);
    }
  };
  return (
    <form className={styles['form']} onSubmit={(event) => void submit(event)}>
      {children}
      <ErrorText error={error} />
      {isRunning && <p className="quiet">{working}</p>}
      <div>
        <Button type="submit" kind="primary" icon="key" isDisabled={isRunning || !isComplete}>
          {action}
        </Button>
      </div>
    </form>
  );
}
