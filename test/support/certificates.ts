// Certificates for tests, made by openssl. Where it is missing the tests that want them are listed as
// not run (scripts/torture/install-tools.sh installs it).
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

export const hasOpenssl = await execa('openssl', ['version'], { reject: false }).then(
  (end) => end.exitCode === 0,
);

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateBytes {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

export interface CertificateOptions {
  /** `DNS:name` and `IP:address`, joined by commas; by default this machine's loopback. */
  readonly names?: string;
  readonly days?: number;
  /** Who signs it; by default itself. */
  readonly signer?: CertificateFiles;
  /** May sign others. */
  readonly isAuthority?: boolean;
}

/** Writes NAME.cert and NAME.key into the folder. */
export async function makeCertificate(
  folder: string,
  name: string,
  options: CertificateOptions = {},
): Promise<CertificateFiles> {
  const { days = 90, isAuthority = false, names = 'DNS:localhost,IP:127.0.0.1', signer } = options;
  const files = { cert: join(folder, `${name}.cert`), key: join(folder, `${name}.key`) };
  const constraint = `basicConstraints=critical,CA:${isAuthority ? 'TRUE' : 'FALSE'}`;
  await execa('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-keyout', files.key, '-out', files.cert, '-days', String(days), '-subj', `/CN=${name}`],
    ...['-addext', `subjectAltName=${names}`, '-addext', constraint],
    ...(signer === undefined ? [] : ['-CA', signer.cert, '-CAkey', signer.key]),
  ]);
  await chmod(files.key, 0o600);
  return files;
}

export async function bytesOf({ cert, key }: CertificateFiles): Promise<CertificateBytes> {
  return { cert: await readFile(cert), key: await readFile(key) };
}
