// Password hashes by name in a JSON object: shadow.json and token.shadow (access-control.md 8).

import { GranaryError } from '../base/errors.ts';
import { ConfigFile } from './config-file.ts';
import { isObject, parseJsonFile } from './json-file.ts';

export type Secrets = Map<string, string>;

/** Mode 0600. Throws `config-invalid` for anything but an object of strings. */
export function secretFile(path: string): ConfigFile<Secrets> {
  return new ConfigFile<Secrets>({ path, mode: 0o600, parse: parseSecrets, serialize: serializeSecrets });
}

function parseSecrets(text: string, path: string): Secrets {
  const value = parseJsonFile(text, path);
  if (!isObject(value)) throw new GranaryError('config-invalid', `parsing "${path}" failed: not an object`);
  const secrets: Secrets = new Map();
  for (const [name, hash] of Object.entries(value)) {
    if (typeof hash !== 'string') {
      throw new GranaryError('config-invalid', `parsing "${path}" failed: '${name}' is not a string`);
    }
    secrets.set(name, hash);
  }
  return secrets;
}

function serializeSecrets(secrets: Secrets): string {
  return JSON.stringify(Object.fromEntries([...secrets].sort(([a], [b]) => (a < b ? -1 : 1))), undefined, 2);
}
