// The addresses that a server may call as a replica, for a restore or in a failover: what is entered in
// a directory, or sent by who may administer, must not make it knock anywhere else with its token.

import { PaminaError } from '@pamina/format';
import { canonicalHost } from './listen-address.js';

interface Allowed {
  readonly host: string;
  /** null: all of them. */
  readonly port: string | null;
}

export class AllowedAddresses {
  readonly #allowed: readonly Allowed[] | null;
  readonly #own = new Set<string>();

  /** `HOST`, `HOST:PORT` or `[IPv6]:PORT` each; null: every address. ADDRESS_INVALID. */
  constructor(entries: readonly string[] | null) {
    this.#allowed = entries?.map(parseEntry) ?? null;
  }

  /** This server itself, as it calls itself like any other. */
  allowOwn(address: string): void {
    this.#own.add(keyOf(new URL(address)));
  }

  /** ADDRESS_NOT_ALLOWED. Names are compared, not what they lead to. */
  check(url: string): void {
    const parsed = URL.canParse(url) ? new URL(url) : null;
    // What is no address is refused where it is used, in better words.
    if (this.#allowed === null || parsed === null || this.#own.has(keyOf(parsed))) return;
    const host = plainHost(parsed.hostname);
    const port = portOf(parsed);
    const isAllowed = this.#allowed.some(
      (one) => one.host === host && (one.port === null || one.port === port),
    );
    if (isAllowed) return;
    const address = `${parsed.hostname}:${port}`;
    throw new PaminaError(
      'ADDRESS_NOT_ALLOWED',
      `${address} is none of the addresses that this server may call`,
      {
        context: { address },
      },
    );
  }
}

function parseEntry(text: string): Allowed {
  // Letters of every script: a name may be written as people write it.
  const match = /^(\[[0-9a-f:.]+\]|[\p{L}\p{N}._-]+)(?::([0-9]{1,5}))?$/iu.exec(text.trim());
  const host = match?.[1] === undefined ? null : canonicalHost(match[1]);
  if (host === null || Number(match?.[2] ?? 0) > 65_535) {
    throw new PaminaError(
      'ADDRESS_INVALID',
      `${JSON.stringify(text)} is neither HOST nor HOST:PORT`,
    );
  }
  const port = match?.[2] === undefined ? null : String(Number(match[2]));
  return { host: plainHost(host), port };
}

function portOf({ port, protocol }: URL): string {
  if (port !== '') return port;
  return protocol === 'https:' || protocol === 'wss:' ? '443' : '80';
}

function keyOf(url: URL): string {
  return `${plainHost(url.hostname)} ${portOf(url)}`;
}

/** One spelling of each host: no dot at its end, an IPv4 address that is mapped into IPv6 as such. */
function plainHost(hostname: string): string {
  const mapped = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(hostname);
  if (mapped === null) return hostname.replace(/\.$/, '');
  const bits = (Number.parseInt(mapped[1] ?? '', 16) << 16) | Number.parseInt(mapped[2] ?? '', 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}
