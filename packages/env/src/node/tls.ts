// Certificates for sockets, and what a failed handshake means in words.

import { isIP } from 'node:net';
import * as tls from 'node:tls';
import { PaminaError } from '@pamina/format';
import type { ClientTls, ServerTls } from '../network.js';

const minVersion = 'TLSv1.2';

/** TLS_INVALID */
export function serverTlsOptions({ cert, clientCa, key }: ServerTls): tls.SecureContextOptions {
  const options = {
    minVersion,
    cert: Buffer.from(cert),
    key: Buffer.from(key),
    ca: clientCa === undefined ? undefined : Buffer.from(clientCa),
  } as const;
  secureContext(options);
  return options;
}

const contexts = new WeakMap<ClientTls, tls.SecureContext>();
const withoutOwn: ClientTls = {};

/** For `tls.connect`, and for what hands its options on to it. TLS_INVALID */
export function clientTlsOptions(given: ClientTls | undefined): tls.ConnectionOptions {
  const own = given ?? withoutOwn;
  let context = contexts.get(own);
  if (context === undefined) {
    context = secureContext({
      minVersion,
      ca: bufferOf(own.ca),
      cert: bufferOf(own.cert),
      key: bufferOf(own.key),
    });
    contexts.set(own, context);
  }
  // Said outright: an environment variable (NODE_TLS_REJECT_UNAUTHORIZED) must not turn it off.
  return { secureContext: context, rejectUnauthorized: true, ...identityOptions(own.serverName) };
}

function identityOptions(serverName: string | undefined): tls.ConnectionOptions {
  if (serverName === undefined) return {};
  const checkServerIdentity: typeof tls.checkServerIdentity = (_host, certificate) =>
    tls.checkServerIdentity(serverName, certificate);
  // An address is never told as a name.
  return { checkServerIdentity, servername: isIP(serverName) === 0 ? serverName : '' };
}

function secureContext(options: tls.SecureContextOptions): tls.SecureContext {
  try {
    return tls.createSecureContext(options);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PaminaError('TLS_INVALID', `the certificate or its key cannot be used (${why})`, {
      cause,
    });
  }
}

function bufferOf(bytes: Uint8Array | undefined): Buffer | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes);
}

const untrusted =
  'Name the certificate of who signed it, or the certificate itself if it signed itself, with `--tls-ca FILE` or PAMINA_TLS_CA.';
const clientCertificateWanted =
  'The server wants a certificate of its clients: give one that it trusts with `--tls-cert FILE` and `--tls-key FILE`.';

const hints: ReadonlyMap<string, string> = new Map([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', untrusted],
  ['SELF_SIGNED_CERT_IN_CHAIN', untrusted],
  ['UNABLE_TO_GET_ISSUER_CERT', untrusted],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', untrusted],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', untrusted],
  ['CERT_SIGNATURE_FAILURE', untrusted],
  [
    'CERT_HAS_EXPIRED',
    'The certificate must be renewed there; or the clock of this machine is wrong.',
  ],
  ['CERT_NOT_YET_VALID', 'Check the clocks of both machines.'],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'Use a name that the certificate is for (`--advertise` of that server), or have one made that is for this name too.',
  ],
  ['INVALID_PURPOSE', 'The certificate must be made for the use as a server (serverAuth).'],
]);

const refusedCertificate =
  /^ERR_SSL_(TLSV1|TLSV13|SSLV3)_ALERT_(.*CERTIFICATE.*|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED)$/;

/** What to do about it, if the handshake failed; null for every other error. */
export function tlsHint(error: Error): string | null {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const hint = hints.get(code);
  if (hint !== undefined) return hint;
  if (refusedCertificate.test(code)) return clientCertificateWanted;
  // Whoever is there does not answer with TLS.
  if (
    code === 'ERR_SSL_WRONG_VERSION_NUMBER' ||
    (code === 'EPROTO' && /wrong version|packet length|http request/i.test(error.message))
  ) {
    return 'There is a server without TLS: write http:// instead of https://, or give it a certificate.';
  }
  const isOther = /^(ERR_SSL_|ERR_TLS_|CERT_|CRL_)/.test(code) || code === 'EPROTO';
  return isOther ? 'Check the certificates on both sides.' : null;
}

/** Nothing was heard after the handshake: so a server of TLS 1.3 refuses the certificate of a client. */
export const endedAfterHandshakeHint = `It ended the connection without a word. ${clientCertificateWanted}`;
