// A certificate authority for tests, by the openssl program: root, intermediate, and server certificates under it.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findInstalled } from './installed.ts';

export const openssl = findInstalled('openssl', 'openssl');

export interface Issued {
  certificate: string;
  key: string;
}

/** Keys are P-256, files lie in `folder`. */
export class Authority {
  readonly #folder: string;
  readonly root: Issued;
  readonly intermediate: Issued;

  constructor(folder: string) {
    this.#folder = folder;
    const key = this.#key('root');
    const root = join(folder, 'root.pem');
    this.#run('req', '-x509', '-key', key, '-subj', '/CN=Test root', '-days', '3650', '-out', root);
    this.root = this.#read('root');
    this.intermediate = this.issue('intermediate', { by: 'root', extensions: 'basicConstraints=critical,CA:true' });
  }

  /** A certificate named `name`, from the intermediate unless `by` names another file. `days` may be negative. */
  issue(name: string, o: { by?: string; days?: number; extensions?: string } = {}): Issued {
    const by = o.by ?? 'intermediate';
    const request = join(this.#folder, `${name}.csr`);
    this.#run('req', '-new', '-key', this.#key(name), '-subj', `/CN=${name}`, '-out', request);
    const extensions = join(this.#folder, `${name}.ext`);
    writeFileSync(extensions, `${o.extensions ?? 'subjectAltName=DNS:localhost,IP:127.0.0.1'}\n`);
    const issuer = ['-CA', join(this.#folder, `${by}.pem`), '-CAkey', join(this.#folder, `${by}.key`)];
    const valid = ['-days', String(o.days ?? 365)];
    const out = ['-out', join(this.#folder, `${name}.pem`)];
    this.#run('x509', '-req', '-in', request, ...issuer, ...valid, '-extfile', extensions, ...out);
    return this.#read(name);
  }

  #key(name: string): string {
    const file = join(this.#folder, `${name}.key`);
    this.#run('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file);
    return file;
  }

  #read(name: string): Issued {
    const text = (extension: string): string => readFileSync(join(this.#folder, `${name}.${extension}`), 'utf8');
    return { certificate: text('pem'), key: text('key') };
  }

  #run(...words: string[]): void {
    execFileSync(openssl!, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  }
}
