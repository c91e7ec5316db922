// Changes that everybody but the superuser has to confirm with the own password: on the server itself nobody is asked,
// on another one whoever is logged in there.

import { messageOf } from '../../base/errors.ts';
import type { Terminal } from '../framework/terminal.ts';

/** Sends a change; asks for the caller's own password and sends it with that when the server wants to have it. */
export async function confirmed<R>(terminal: Terminal, send: (password?: string) => Promise<R>): Promise<R> {
  try {
    return await send();
  } catch (error) {
    if (!terminal.canAsk || messageOf(error) !== 'missing password') throw error;
  }
  return await send(await terminal.askSecret('Your own password: '));
}
