// A browser says which page a request comes from. Only this server's own pages may call it: with a
// token or without one, over HTTP or by a handshake, before anything else is looked at.

import { PaminaError } from '@pamina/format';
import type { RequestHeaders } from './access.js';

/** null: of no page, or of one of this server. */
export type OriginCheck = (headers: RequestHeaders) => PaminaError | null;

/** With TLS its pages are https:. Without, they may be that too: something before it speaks TLS. */
export function originCheck(isSecure: boolean): OriginCheck {
  const schemes = isSecure ? ['https'] : ['http', 'https'];
  return ({ host, origin }) => {
    if (origin === undefined) return null;
    if (schemes.some((scheme) => origin === `${scheme}://${String(host)}`)) return null;
    const page = JSON.stringify(String(origin).slice(0, 100));
    return new PaminaError('FORBIDDEN', `refused: a page of ${page} sent the request`, {
      hint: 'Call the server from a program, or from a page that it serves itself.',
    });
  };
}
