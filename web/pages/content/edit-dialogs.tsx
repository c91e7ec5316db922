// Dialogs that change what is known of a group or a snapshot, and that make a namespace.

import { type ReactNode, useEffect, useEffectEvent, useState } from 'react';
import { listUsers } from '../../../src/api/access/users.contract.ts';
import { changeOwner, getGroupNotes, setGroupNotes } from '../../../src/api/admin/datastore/groups.contract.ts';
import { createNamespace } from '../../../src/api/admin/datastore/namespace.contract.ts';
import { getNotes, setNotes } from '../../../src/api/admin/datastore/snapshots.contract.ts';
import { call } from '../../base/api.ts';
import { useCall, useRefresh } from '../../base/live.ts';
import { useTexts } from '../../base/texts.ts';
import { Button } from '../../parts/button.tsx';
import { ChoiceInput } from '../../parts/choice-input.tsx';
import { ContractForm } from '../../parts/contract-form.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { askedChoices, ErrorText, knownChoices, TextInput } from '../../parts/field.tsx';
import { type GroupNode, nameParameters, nodeName, type SnapshotNode } from './nodes.ts';
import { words } from './texts.ts';

interface Props<N> {
  store: string;
  node: N;
  onClose(): void;
}

/** Any lines of text, as clients see them too. */
export function NotesDialog({ store, node, onClose }: Props<GroupNode | SnapshotNode>): ReactNode {
  const t = useTexts(words);
  const refresh = useRefresh();
  const [notes, setText] = useState<string>();
  const [error, setError] = useState<Error>();
  const [isRunning, setRunning] = useState(false);
  const named = nameParameters(node, store);
  const time = node.kind === 'snapshot' ? node.snapshot['backup-time'] : undefined;
  const read = useEffectEvent(() =>
    time === undefined ? call(getGroupNotes, named) : call(getNotes, { ...named, 'backup-time': time }),
  );
  // Once, when the dialog opens.
  useEffect(() => {
    read().then(setText, setError);
  }, []);
  const save = async (): Promise<void> => {
    setRunning(true);
    setError(undefined);
    try {
      if (time === undefined) await call(setGroupNotes, { ...named, notes: notes ?? '' });
      else await call(setNotes, { ...named, 'backup-time': time, notes: notes ?? '' });
      refresh();
      onClose();
    } catch (cause) {
      setError(cause as Error);
    } finally {
      setRunning(false);
    }
  };
  return (
    <Dialog
      title={t.notesOf(nodeName(node))}
      isOpen
      onClose={onClose}
      buttons={
        <>
          <Button onPress={onClose}>{t.cancel}</Button>
          <Button kind="primary" isDisabled={notes === undefined || isRunning} onPress={() => void save()}>
            {t.save}
          </Button>
        </>
      }
    >
      {notes !== undefined && <TextInput label={t.notes} value={notes} onChange={setText} isLong autoFocus />}
      <ErrorText error={error} />
    </Dialog>
  );
}

export function OwnerDialog({ store, node, onClose }: Props<GroupNode>): ReactNode {
  const t = useTexts(words);
  const users = useCall(listUsers, { include_tokens: true }, { every: false });
  const owner = node.group.owner;
  const choices = askedChoices(users, (all) => {
    const known = all.flatMap((user) => [user.userid, ...(user.tokens ?? []).map((token) => token.tokenid)]);
    return [...new Set([...(owner === undefined ? [] : [owner]), ...known])].map((id) => ({ id, label: id }));
  });
  // Whoever sees nobody else writes the name.
  const isFree = (knownChoices(choices)?.length ?? 2) < 2;
  return (
    <Dialog title={t.ownerOf(nodeName(node))} isOpen onClose={onClose}>
      <ContractForm
        contract={changeOwner}
        fields={{
          'new-owner': {
            label: t.newOwner,
            ...(isFree ? {} : { input: (field) => <ChoiceInput field={field} choices={choices} /> }),
          },
        }}
        initial={{ 'new-owner': owner }}
        fixed={nameParameters(node, store)}
        onDone={onClose}
        onCancel={onClose}
      />
    </Dialog>
  );
}

export function NamespaceDialog({
  store,
  parent,
  onClose,
}: {
  store: string;
  parent: string;
  onClose(): void;
}): ReactNode {
  const t = useTexts(words);
  return (
    <Dialog title={t.newNamespace} isOpen onClose={onClose}>
      <p className="quiet">{t.below(parent)}</p>
      <ContractForm
        contract={createNamespace}
        fields={{ name: { label: t.namespaceName, help: '' } }}
        fixed={{ store, ...(parent === '' ? {} : { parent }) }}
        submit={t.create}
        onDone={onClose}
        onCancel={onClose}
      />
    </Dialog>
  );
}
