// A button that lets the user choose a file.

import { type ReactNode, useRef } from 'react';
import { Button } from './button.tsx';
import type { IconName } from './icon.tsx';

interface Props {
  label: string;
  icon?: IconName;
  onFile(file: File): void;
}

export function FileChooser({ label, icon, onFile }: Props): ReactNode {
  const chooser = useRef<HTMLInputElement>(null);
  return (
    <div>
      <input
        ref={chooser}
        type="file"
        className="unseen"
        tabIndex={-1}
        aria-label={label}
        onChange={(event) => {
          const [file] = event.target.files ?? [];
          if (file !== undefined) onFile(file);
          // The same file can be chosen again, after it was changed.
          event.target.value = '';
        }}
      />
      <Button {...(icon === undefined ? {} : { icon })} onPress={() => chooser.current?.click()}>
        {label}
      </Button>
    </div>
  );
}
