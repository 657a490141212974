// What an attack is: bytes for a real server, and what must come of them.
import type { Exchange, RawOptions } from './raw-exchange.js';

export interface Target {
  readonly port: number;
  /** The server's own token. */
  readonly serverToken: string;
  /** Tokens of users of the database `orders`, by their role. */
  readonly tokens: Readonly<Record<'read' | 'write' | 'replicate' | 'backup' | 'admin', string>>;
  /** Let nobody in any more. */
  readonly revoked: string;
}

/** `closed` = the connection ended without an answer to it. */
export type Demanded = number | 'closed';

export interface Attack {
  readonly name: string;
  /** At the server without a token; by default at the one with a token. */
  readonly isOpen?: boolean | undefined;
  readonly demanded: readonly Demanded[];
  /** Ends after the longest limit of time that a stranger has. */
  readonly isSlow?: boolean | undefined;
  readonly options?: RawOptions | undefined;
  /** Of the answer, beyond its status. */
  readonly refuses?: RegExp | undefined;
  /** What a status that is none of a refusal comes with: a stream that ends with an error. */
  readonly answers?: RegExp | undefined;
  bytes(target: Target): Buffer | string;
}

export type Who = keyof Target['tokens'] | 'server' | 'nobody' | 'revoked';

export interface RequestParts {
  readonly who?: Who | undefined;
  readonly headers?: readonly string[] | undefined;
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
}

/** A request as HTTP has it, `line` being method and target as they are to be sent. */
export function request(line: string, parts: RequestParts = {}) {
  const { body, contentType = 'application/json', headers = [], who = 'server' } = parts;
  return (target: Target): string => {
    const lines = [`${line} HTTP/1.1`, `Host: 127.0.0.1:${target.port}`];
    const token = tokenOf(target, who);
    if (token !== null) lines.push(`Authorization: Bearer ${token}`);
    if (body !== undefined) {
      lines.push(`Content-Type: ${contentType}`, `Content-Length: ${Buffer.byteLength(body)}`);
    }
    return `${[...lines, ...headers].join('\r\n')}\r\n\r\n${latin(body ?? '')}`;
  };
}

/** Only what is given, with `TOKEN` and `HOST` filled in; for what no request may look like. */
export function raw(text: string) {
  return ({ port, serverToken }: Target): string =>
    text
      .replaceAll('\n', '\r\n')
      .replaceAll('\r\r\n', '\r\n')
      .replaceAll('TOKEN', serverToken)
      .replaceAll('HOST', `127.0.0.1:${port}`);
}

export function isDemanded({ demanded }: Attack, { closed, status }: Exchange): boolean {
  return demanded.some((one) => (one === 'closed' ? closed && status === null : one === status));
}

function tokenOf({ revoked, serverToken, tokens }: Target, who: Who): string | null {
  if (who === 'nobody') return null;
  if (who === 'revoked') return revoked;
  return who === 'server' ? serverToken : tokens[who];
}

function latin(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
