// Commands about the master key, which opens the keys that backups carry (cli.md 4, 12, 13).

import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GranaryError, messageOf } from '../../base/errors.ts';
import { defaultMasterKeyName } from '../../client/encryption-keys.ts';
import { configFile } from '../../client/secrets.ts';
import { type KdfName, kdfNames } from '../../crypto/key-file.ts';
import { decodeBlob } from '../../format/blob.ts';
import { createFileExclusive, replaceFile } from '../../os/atomic-file.ts';
import { defineCommand } from '../framework/command.ts';
import { completeFileNames } from '../framework/completion.ts';
import { option, optional } from '../framework/options.ts';
import { outputFormat, outputOption, printFields, printJson } from '../framework/output.ts';
import type { Terminal } from '../framework/terminal.ts';
import {
  keyPath,
  newPassphrase,
  oldPassphrase,
  pathOrDefault,
  protectionOptions,
  readKeyText,
  writeKeyFile,
} from './key-files.ts';

const masterPassword = 'Master Key Password';

export const createMasterKey = defineCommand({
  summary: 'Create a master key: master-public.pem and master-private.pem in the current directory.',
  options: {},
  async run(_values, terminal) {
    const { generateMasterKey } = await import('../../crypto/master-key.ts');
    const pair = await generateMasterKey(await newPassphrase(terminal, masterPassword));
    for (const [path, text, mode] of [
      ['master-public.pem', pair.publicPem, 0o644],
      ['master-private.pem', pair.privatePem, 0o600],
    ] as const) {
      terminal.message(`Writing ${mode === 0o644 ? 'public' : 'private'} master key to '${path}'`);
      if (!(await createFileExclusive(path, text, { mode }))) {
        throw new GranaryError('already-exists', `unable to create file '${path}': it exists already`);
      }
    }
  },
});

export const importMasterPubkey = defineCommand({
  summary: 'Make a public master key the default one.',
  positional: ['path'],
  options: { path: option.text('PEM file with the public key.', { valueName: 'path' }) },
  complete: { path: completeFileNames },
  async run({ path }, terminal) {
    const { describePublicKey } = await import('../../crypto/master-key.ts');
    const pem = await readKeyText(path);
    describePublicKey(pem);
    const target = configFile(terminal.env, defaultMasterKeyName);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await replaceFile(target, pem, { mode: 0o644 });
    terminal.message(`Imported public master key to '${target}'`);
  },
});

export const showMasterPubkey = defineCommand({
  summary: 'Show a public master key.',
  positional: ['path'],
  options: {
    path: optional(option.text('PEM file. The default master key when left out.', { valueName: 'path' })),
    ...outputOption,
  },
  complete: { path: completeFileNames },
  async run(values, terminal) {
    const { describePublicKey } = await import('../../crypto/master-key.ts');
    const path = values.path ?? configFile(terminal.env, defaultMasterKeyName);
    const { modulus, exponent, length } = describePublicKey(await readKeyText(path));
    const facts = { path, modulus, exponent: String(exponent), length };
    if (printJson(terminal, outputFormat(values, terminal), facts)) return;
    printFields(terminal, Object.entries(facts));
  },
});

export const importWithMasterKey = defineCommand({
  summary: 'Recover an encryption key from rsa-encrypted.key with the private master key.',
  positional: ['master-keyfile', 'encrypted-keyfile', 'path'],
  options: {
    'master-keyfile': option.text('Private master key, PEM.', { valueName: 'path' }),
    'encrypted-keyfile': option.text('What rsa-encrypted.key holds, or the blob itself.', { valueName: 'path' }),
    path: keyPath,
    ...protectionOptions,
  },
  complete: { 'master-keyfile': completeFileNames, 'encrypted-keyfile': completeFileNames, path: completeFileNames },
  async run(values, terminal) {
    await recover(
      values['master-keyfile'],
      values['encrypted-keyfile'],
      pathOrDefault(values.path, terminal),
      values.kdf ?? 'scrypt',
      values.hint,
      terminal,
    );
  },
});

export const recoverMaster = defineCommand({
  summary: 'Recover an encryption key from a backup with the private master key.',
  description:
    'Recovers an encryption key from rsa-encrypted.key of a backup with the private master key. On a terminal the ' +
    'new key file is protected by a passphrase unless --kdf none is given; otherwise it is not.',
  options: {
    'master-keyfile': option.text('Private master key, PEM.', { valueName: 'path' }),
    'encrypted-keyfile': option.text('What rsa-encrypted.key holds, or the blob itself.', { valueName: 'path' }),
    output: option.text('Key file to write.', { valueName: 'path' }),
    kdf: optional(option.choice(kdfNames, 'How the passphrase protects the key.')),
    hint: protectionOptions.hint,
  },
  complete: { 'master-keyfile': completeFileNames, 'encrypted-keyfile': completeFileNames, output: completeFileNames },
  examples: ['key recover-master --master-keyfile master-private.pem --encrypted-keyfile key.blob --output key.json'],
  async run(values, terminal) {
    const kdf = values.kdf ?? (terminal.canAsk ? 'scrypt' : 'none');
    const { 'master-keyfile': master, 'encrypted-keyfile': sealed } = values;
    await recover(master, sealed, values.output, kdf, values.hint, terminal);
  },
});

async function recover(
  masterFile: string,
  sealedFile: string,
  output: string,
  kdf: KdfName,
  hint: string | undefined,
  terminal: Terminal,
): Promise<void> {
  const { unwrapKey } = await import('../../crypto/master-key.ts');
  const pem = await readKeyText(masterFile);
  const sealed = await readSealed(sealedFile);
  const keyFile = unwrapKey(pem, await oldPassphrase(terminal, masterPassword), sealed);
  await writeKeyFile(output, keyFile.data, {
    kdf,
    hint,
    created: keyFile.created,
    terminal,
    passphrase: () => newPassphrase(terminal),
  });
}

const blobMagic = Buffer.from('42ab3807be8370a1', 'hex');

/** The ciphertext, also out of the blob it is stored in. */
async function readSealed(file: string): Promise<Uint8Array> {
  let raw: Buffer;
  try {
    raw = await readFile(file);
  } catch (error) {
    throw new GranaryError('io', `unable to read '${file}': ${messageOf(error)}`, { cause: error });
  }
  const isBlob = raw.byteLength > 12 && raw.subarray(0, 8).equals(blobMagic);
  return isBlob ? decodeBlob(raw, { what: file }) : raw;
}
