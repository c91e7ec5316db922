// encryption-keys.cfg as a table, and the keys themselves in files of their own below encryption-keys/
// (config-and-tasks.md 2). A key file is there before the section that names it, and goes after it.

import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { type Clock, epochSeconds } from '../base/clock.ts';
import { GranaryError, withContext } from '../base/errors.ts';
import { CryptConfig } from '../crypto/crypt-config.ts';
import { createKeyFile, kdfName, openKeyFile, parseKeyFile, serializeKeyFile } from '../crypto/key-file.ts';
import { replaceFile } from '../os/atomic-file.ts';
import { giveToOwnerOf } from '../os/inherit-owner.ts';
import { ownerFor } from './config-file.ts';
import type { Directories } from './directories.ts';
import { type EncryptionKey, encryptionKeySchema } from './encryption-key-schema.ts';
import { type ChangeCheck, SectionStore } from './section-store.ts';

/** The unprivileged part has to read keys: it runs the jobs that use them. */
const mode = 0o640;

export class EncryptionKeyConfig extends SectionStore<typeof encryptionKeySchema> {
  readonly #directories: Directories;

  constructor(directories: Directories) {
    super({
      path: join(directories.config, 'encryption-keys.cfg'),
      type: 'sync-key',
      what: 'encryption key',
      id: 'id',
      schema: encryptionKeySchema,
    });
    this.#directories = directories;
  }

  /** Where the key itself is. */
  keyPath(id: string): string {
    return join(this.#directories.config, 'encryption-keys', `${id}.key`);
  }

  /**
   * Makes a new key, or takes over one from the text of a key file, which may not be locked with a passphrase: jobs run
   * without anybody to ask.
   */
  async createKey(id: string, text: string | undefined, clock: Clock): Promise<EncryptionKey> {
    const file =
      text === undefined
        ? await createKeyFile(randomBytes(32), { kdf: 'none', clock })
        : parseKeyFile(text, `key of '${id}'`);
    if (file.kdf !== null) {
      throw new GranaryError('key-invalid', `key of '${id}' is locked with a passphrase (${kdfName(file.kdf)})`, {
        details: { hint: "Unlock a copy with 'proxmox-backup-client key change-passphrase --kdf none'." },
      });
    }
    const { fingerprint } = await openKeyFile(file, noPassphrase);
    const { created, modified, hint } = file;
    const key: EncryptionKey = { id, kdf: 'none', created, modified, fingerprint, ...(hint ? { hint } : {}) };
    const write: ChangeCheck<EncryptionKey> = async (_next, _before, all) => {
      if (all.some((one) => one.id === id)) return;
      const path = this.keyPath(id);
      const directory = dirname(path);
      if (fs.mkdirSync(directory, { recursive: true, mode: 0o700 })) {
        giveToOwnerOf(this.#directories.config, directory);
      }
      await replaceFile(path, Buffer.from(serializeKeyFile({ ...file, fingerprint })), {
        mode,
        durable: true,
        owner: ownerFor(path, mode),
      });
    };
    await this.create(key, { check: write });
    return key;
  }

  /** Archives the key, or takes it back. `check` may refuse. */
  async toggleArchived(id: string, clock: Clock, check?: ChangeCheck<EncryptionKey>): Promise<void> {
    const isArchived = this.get(id).data['archived-at'] !== undefined;
    const change = isArchived ? {} : { 'archived-at': epochSeconds(clock) };
    await this.update(id, change, { ...(isArchived ? { remove: ['archived-at'] } : {}), check });
  }

  /** Forgets the key for ever. `check` may refuse. */
  async removeKey(id: string, check: ChangeCheck<EncryptionKey>): Promise<void> {
    await this.remove(id, { check });
    fs.rmSync(this.keyPath(id), { force: true });
  }

  /** The key for use. Throws when there is none of that name, or its file is missing or another key's. */
  async open(id: string): Promise<CryptConfig> {
    const { fingerprint } = this.get(id).data;
    const path = this.keyPath(id);
    let text: string;
    try {
      text = await fs.promises.readFile(path, 'utf8');
    } catch (error) {
      throw withContext(`unable to read encryption key '${id}'`, error);
    }
    const opened = await openKeyFile(parseKeyFile(text, path), noPassphrase);
    if (opened.fingerprint !== fingerprint) {
      throw new GranaryError('key-invalid', `${path} is not the key with fingerprint ${fingerprint}`);
    }
    return CryptConfig.fromKey(opened.key);
  }
}

function noPassphrase(): Promise<string> {
  return Promise.reject(new GranaryError('key-invalid', 'the key is locked with a passphrase'));
}
