// Wrong credentials that could be guesses cost time: after some of them an address waits, longer with each further one.
// Who has come in from there before with the same credential is not made to wait, so that nobody locks out the others
// behind one address.

import type { Clock } from '@pamina/env';
import { PaminaError } from '@pamina/format';

/** So many are forgiven: a wrong file, a token that was revoked. */
const freeAttempts = 10;
const waitMsFirst = 1_000;
const waitMsMax = 60_000;
/** After so long without another one all are forgotten. */
const forgottenAfterMs = 10 * 60_000;
const addressesMax = 10_000;
const knownMax = 16;

interface Attempts {
  failures: number;
  lastAt: number;
  until: number;
  /** Digests of what was let in from there. */
  readonly known: Set<string>;
}

export class FailedAttempts {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** The one that was heard of longest ago first. */
  readonly #byAddress = new Map<string, Attempts>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#byAddress.size;
  }

  /** TOO_MANY_REQUESTS: what is shown is not even looked at. */
  require(remoteAddress: string, digest: string): void {
    const attempts = this.#byAddress.get(addressKey(remoteAddress));
    if (attempts === undefined || attempts.known.has(digest)) return;
    const retryAfterMs = Math.ceil(attempts.until - this.#clock.monotonic());
    if (retryAfterMs <= 0) return;
    const message = `${attempts.failures} wrong credentials came from this address`;
    throw new PaminaError('TOO_MANY_REQUESTS', message, { context: { retryAfterMs } });
  }

  failed(remoteAddress: string): void {
    const now = this.#clock.monotonic();
    const attempts = this.#of(remoteAddress);
    if (now - attempts.lastAt > forgottenAfterMs) attempts.failures = 0;
    attempts.failures += 1;
    attempts.lastAt = now;
    const beyond = attempts.failures - freeAttempts;
    if (beyond >= 0) attempts.until = now + Math.min(waitMsMax, waitMsFirst * 2 ** beyond);
  }

  succeeded(remoteAddress: string, digest: string): void {
    if (this.#byAddress.get(addressKey(remoteAddress))?.known.has(digest) === true) return;
    const { known } = this.#of(remoteAddress);
    if (known.size >= knownMax) known.delete(known.values().next().value!);
    known.add(digest);
  }

  #of(remoteAddress: string): Attempts {
    const key = addressKey(remoteAddress);
    const found = this.#byAddress.get(key) ?? {
      failures: 0,
      lastAt: this.#clock.monotonic(),
      until: 0,
      known: new Set(),
    };
    this.#byAddress.delete(key);
    if (this.#byAddress.size >= addressesMax) {
      this.#byAddress.delete(this.#byAddress.keys().next().value!);
    }
    this.#byAddress.set(key, found);
    return found;
  }
}

/** Of IPv6 the network: who has one address there has 2^64 of them. */
export function addressKey(remoteAddress: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(remoteAddress)?.[1];
  if (mapped !== undefined) return mapped;
  if (!remoteAddress.includes(':')) return remoteAddress;
  const [head = '', tail = ''] = remoteAddress.replace(/%.*$/, '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === '' ? [] : tail.split(':');
  const isShort = remoteAddress.includes('::');
  const zeros = isShort
    ? Array<string>(Math.max(0, 8 - groups.length - rest.length)).fill('0')
    : [];
  return `${[...groups, ...zeros, ...rest].slice(0, 4).join(':')}::/64`;
}
