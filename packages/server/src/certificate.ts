// What a certificate is worth, before anybody is asked to trust it: its key fits, its time is now.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { PaminaError } from '@pamina/format';

export interface Pair {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

/** What the certificate of a pair says; of the first one of a chain. */
export interface Certificate {
  /** ms since 1970 */
  readonly expiresAt: number;
  /** For people: `db1.example, 10.0.0.5`. */
  readonly names: string;
  /** Whether others accept it of this host, a name or an address. */
  covers(host: string): boolean;
}

/** `where` names the files in errors. TLS_INVALID: no PEM, a key of another certificate, not valid at `now`. */
export function checkPair(
  pair: Pair,
  now: number,
  where: { readonly cert: string; readonly key: string },
): Certificate {
  const certificate = parseCertificate(pair.cert, where.cert);
  if (!certificate.checkPrivateKey(parseKey(pair.key, where.key))) {
    throw invalid(where.key, `the key does not belong to the certificate ${where.cert}`);
  }
  const expiresAt = Date.parse(certificate.validTo);
  const from = Date.parse(certificate.validFrom);
  if (now >= expiresAt) {
    throw invalid(where.cert, `it expired at ${timeText(expiresAt)}`, 'Have it renewed.');
  }
  if (now < from) {
    const hint = 'Check the clock of this machine.';
    throw invalid(where.cert, `it is not valid before ${timeText(from)}`, hint);
  }
  return {
    expiresAt,
    names: namesOf(certificate),
    covers: (host) => covers(certificate, host),
  };
}

/** Certificates of who may sign: at least one. TLS_INVALID. */
export function checkAuthorities(bytes: Uint8Array, path: string): void {
  parseCertificate(bytes, path);
}

export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace(/\..*$/, ' UTC');
}

function parseCertificate(bytes: Uint8Array, path: string): X509Certificate {
  try {
    return new X509Certificate(bytes);
  } catch (cause) {
    throw invalid(path, 'there is no certificate in it', undefined, cause);
  }
}

function parseKey(bytes: Uint8Array, path: string): KeyObject {
  try {
    return createPrivateKey(Buffer.from(bytes));
  } catch (cause) {
    const isLocked = (cause as NodeJS.ErrnoException).code === 'ERR_MISSING_PASSPHRASE';
    if (!isLocked) throw invalid(path, 'there is no private key in it', undefined, cause);
    const hint =
      'Write it without a passphrase (`openssl pkey -in FILE -out NEW`), readable by its owner only.';
    throw invalid(path, 'the key is locked with a passphrase', hint, cause);
  }
}

function covers(certificate: X509Certificate, host: string): boolean {
  const isAddress = /^[0-9.]+$|:/.test(host);
  const found = isAddress ? certificate.checkIP(host) : certificate.checkHost(host);
  return found !== undefined;
}

function namesOf({ subject, subjectAltName }: X509Certificate): string {
  const alternatives = subjectAltName?.replaceAll(/(DNS|IP Address):/g, '');
  return alternatives ?? /^CN=(.*)$/m.exec(subject)?.[1] ?? 'nobody';
}

function invalid(path: string, why: string, hint?: string, cause?: unknown): PaminaError {
  return new PaminaError('TLS_INVALID', `${path}: ${why}`, { cause, context: { path }, hint });
}
