// P14: the one gate between an open port and what must guard it, and what is said of how others reach it.

import { validateAddress } from '@pamina/directory';
import { PaminaError } from '@pamina/format';
import { validateToken } from './access.js';
import type { Certificate } from './certificate.js';
import { isLoopbackHost, type ListenAddress } from './listen-address.js';
import type { Notice } from './notice.js';

export interface Guards {
  readonly token?: string | undefined;
  readonly tls?: { readonly cert?: string | undefined } | undefined;
  readonly insecure?: boolean | undefined;
}

/** TOKEN_INVALID; for others than this machine TOKEN_REQUIRED and TLS_REQUIRED. */
export function requireGuarded(
  { insecure, tls, token }: Guards,
  listen: ListenAddress,
  onNotice: (notice: Notice) => void,
): void {
  if (token !== undefined) validateToken(token);
  if (listen.isLoopback) return;
  const others = `others than this machine can reach ${listen.host}`;
  if (token === undefined) throw new PaminaError('TOKEN_REQUIRED', others);
  if (tls?.cert !== undefined) return;
  if (insecure !== true) throw new PaminaError('TLS_REQUIRED', others);
  const message = `INSECURE: ${others}, and nothing is encrypted. Whoever is on the way reads the data and the token, and can use it`;
  onNotice({ level: 'warning', topic: 'exposure', message });
}

/**
 * A server with TLS sends its token to nobody in the clear, whatever its directory says. TLS_REQUIRED for
 * http:// and ws:// elsewhere than on this machine.
 */
export function requireSecureCall(url: string): void {
  const { hostname, protocol } = new URL(url);
  if (protocol === 'https:' || protocol === 'wss:' || isLoopbackHost(hostname)) return;
  throw new PaminaError(
    'TLS_REQUIRED',
    `${hostname} is not called without TLS by a server that has it`,
    {
      context: { address: hostname },
      hint: 'Give the server there a certificate, and the directory its https:// address. While servers change over to TLS, `--insecure` lets this one call those that have not.',
    },
  );
}

/** ADDRESS_INVALID */
export function advertisedAddress(text: string | undefined, isSecure: boolean): string | null {
  if (text === undefined) return null;
  const address = validateAddress(text);
  if (!isSecure || address.startsWith('https:')) return address;
  throw new PaminaError('ADDRESS_INVALID', `${text} is not how a server with TLS is reached`, {
    hint: 'Write https://HOST:PORT.',
  });
}

/** A certificate that others do not take for this server's. */
export function tellNames(
  address: string,
  certificate: Certificate | null,
  onNotice: (notice: Notice) => void,
): void {
  if (certificate === null) return;
  const host = hostOf(address);
  if (certificate.covers(host)) return;
  const message = `The certificate is for ${certificate.names} and not for ${host}, so nobody will trust ${address}. Name the host that it is for with --advertise, or have one made for this one`;
  onNotice({ level: 'warning', topic: 'certificates', message });
}

/** Whose certificate programs of this machine are to expect at `local`, where it is none of its host. */
export function serverNameAt(
  local: string,
  address: string,
  certificate: Certificate | null,
): string | undefined {
  if (certificate === null || certificate.covers(hostOf(local))) return undefined;
  return hostOf(address);
}

function hostOf(address: string): string {
  return new URL(address).hostname.replace(/^\[|\]$/g, '');
}
