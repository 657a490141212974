// Who may come in: the token, and without one the proof that the request is from this machine's own
// programs and not from a web page in its browser (DNS rebinding, forged cross-site requests).

import { createHash, timingSafeEqual } from 'node:crypto';
import { PaminaError } from '@pamina/format';
import { isLoopbackHost } from './listen-address.js';

export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** null lets the request in. */
export type AccessCheck = (headers: RequestHeaders) => PaminaError | null;

const tokenPattern = /^[\x21-\x7e]{16,512}$/;

/** TOKEN_INVALID; the message never shows the token. */
export function validateToken(token: string): string {
  if (tokenPattern.test(token)) return token;
  throw new PaminaError('TOKEN_INVALID', `a token of ${token.length} characters is not usable`);
}

export function accessCheck(token: string | undefined): AccessCheck {
  return token === undefined ? ownMachineOnly : tokenOnly(validateToken(token));
}

function tokenOnly(token: string): AccessCheck {
  const expected = digest(token);
  return (headers) => {
    const { authorization } = headers;
    if (authorization === undefined) {
      return new PaminaError('UNAUTHORIZED', 'this server asks for a token, and none was sent');
    }
    const given = typeof authorization === 'string' ? /^Bearer +(\S+)$/i.exec(authorization) : null;
    // Digests have one length, so the comparison tells nothing about the token, not even its length.
    const isEqual = timingSafeEqual(digest(given?.[1] ?? ''), expected);
    return isEqual
      ? null
      : new PaminaError('UNAUTHORIZED', 'the token is not the one of this server');
  };
}

function ownMachineOnly(headers: RequestHeaders): PaminaError | null {
  const { host, origin } = headers;
  const site = headers['sec-fetch-site'];
  if (typeof host !== 'string' || !isLoopbackHost(hostNameOf(host))) {
    return forbidden(
      `the request is for the host ${quote(host)}, and without a token only loopback is served`,
    );
  }
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    return forbidden(`a page of ${quote(origin)} sent the request`);
  }
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return forbidden(`a page of another origin sent the request (${quote(site)})`);
  }
  return null;
}

function hostNameOf(host: string): string {
  return host.replace(/:[0-9]+$/, '');
}

function forbidden(why: string): PaminaError {
  return new PaminaError('FORBIDDEN', `refused: ${why}`, {
    hint: 'Use http://127.0.0.1:PORT from a program of this machine, or start the server with a token.',
  });
}

function quote(text: unknown): string {
  return JSON.stringify(String(text).slice(0, 100));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
