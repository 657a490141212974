// Certificates and keys are files, so that they can be renewed under a server that runs.

import type { ClientTls, Env } from '@pamina/env';
import { PaminaError } from '@pamina/format';
import { type Certificate, checkAuthorities, checkPair, type Pair } from './certificate.js';

/** PEM. `cert` and `key` go together. */
export interface TlsFiles {
  /** Who signs the certificates of other servers; by default those whom Node trusts. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

const fileBytesMax = 1024 * 1024;
const groupAndOthers = 0o077;

/** null when no file is named. FILE_NOT_FOUND, ACCESS_DENIED, TLS_INVALID. */
export async function readClientTls(env: Env, files: TlsFiles): Promise<ClientTls | null> {
  const { ca } = files;
  const pair = await readPair(env, files);
  if (ca === undefined && pair === null) return null;
  return {
    ca: ca === undefined ? undefined : await readAuthorities(env, ca),
    cert: pair?.cert,
    key: pair?.key,
  };
}

export interface CheckedPair extends Pair {
  readonly certificate: Certificate;
}

/** null when neither file is named. */
export async function readPair(env: Env, { cert, key }: TlsFiles): Promise<CheckedPair | null> {
  if (cert === undefined && key === undefined) return null;
  if (cert === undefined || key === undefined) {
    const missing = cert === undefined ? 'certificate' : 'key';
    const given = cert ?? key ?? '';
    throw new PaminaError('TLS_INVALID', `${given} is of no use without its ${missing}`);
  }
  const pair = { cert: await readPem(env, cert), key: await readKey(env, key) };
  return { ...pair, certificate: checkPair(pair, env.clock.now(), { cert, key }) };
}

export async function readAuthorities(env: Env, path: string): Promise<Uint8Array> {
  const bytes = await readPem(env, path);
  checkAuthorities(bytes, path);
  return bytes;
}

async function readKey(env: Env, path: string): Promise<Uint8Array> {
  const bytes = await readPem(env, path);
  const permissions = (await env.disk.stat(path))?.permissions ?? null;
  if (permissions !== null && (permissions & groupAndOthers) !== 0) {
    const mode = permissions.toString(8).padStart(4, '0');
    throw new PaminaError(
      'TLS_INVALID',
      `The key file ${path} is open to others than its owner (mode ${mode})`,
      {
        context: { path },
        hint: `Others may have the key by now: have a new one made, then \`chmod 600 ${path}\`.`,
      },
    );
  }
  return bytes;
}

async function readPem(env: Env, path: string): Promise<Uint8Array> {
  const context = { path };
  const status = await env.disk.stat(path);
  if (status === null)
    throw new PaminaError('FILE_NOT_FOUND', `there is no file ${path}`, { context });
  if (status.isFolder || status.bytes > fileBytesMax) {
    throw new PaminaError('TLS_INVALID', `${path} is not a file with a certificate or key`, {
      context,
    });
  }
  return env.disk.readFile(path);
}
