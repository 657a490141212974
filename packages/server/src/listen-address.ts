// Where to listen, and whether only this machine can reach it. Whatever is not surely loopback
// counts as open to others.

import { PaminaError } from '@pamina/format';

export interface ListenAddress {
  /** Never a name that a resolver would have a say in, if it is loopback. */
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly isLoopback: boolean;
}

/** `HOST:PORT`, `[IPv6]:PORT`, `:PORT` (all addresses), or `PORT` (loopback). ADDRESS_INVALID. */
export function parseListen(text: string): ListenAddress {
  const match = /^(?:(\[[0-9a-f:.]+\]|[^:[\]/?#@\s]*):)?([0-9]{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    throw new PaminaError('ADDRESS_INVALID', `${JSON.stringify(text)} is not HOST:PORT`);
  }
  const given = match[1] ?? '127.0.0.1';
  const host = canonicalHost(given === '' || given === '*' ? '[::]' : given);
  if (host === null)
    throw new PaminaError('ADDRESS_INVALID', `${JSON.stringify(given)} is no host`);
  if (host === 'localhost') return { host: '127.0.0.1', port, isLoopback: true };
  return { host: host.replace(/^\[|\]$/g, ''), port, isLoopback: isLoopbackHost(host) };
}

/**
 * A host as it stands in a Host header or a URL. True for 127.0.0.0/8 in any spelling, ::1, the
 * same mapped into IPv6, and `localhost`; no other name, whatever it resolves to at this moment.
 */
export function isLoopbackHost(host: string): boolean {
  const canonical = canonicalHost(host);
  if (canonical === null) return false;
  if (canonical === 'localhost' || canonical === '[::1]') return true;
  // URL writes a mapped 127.x.y.z as [::ffff:7fxx:yyzz].
  return /^127\.\d+\.\d+\.\d+$/.test(canonical) || /^\[::ffff:7f[0-9a-f]{2}:/.test(canonical);
}

/** As `server.address()` gives it: an address without brackets. */
export function isLoopbackAddress(address: string): boolean {
  return isLoopbackHost(address.includes(':') ? `[${address}]` : address);
}

export function addressOf(host: string, port: number, isSecure = false): string {
  const scheme = isSecure ? 'https' : 'http';
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** As URLs spell it; null for what is no host. */
export function canonicalHost(host: string): string | null {
  const text = `http://${host}:1/`;
  if (host === '' || /[/?#@\\\s]/.test(host) || !URL.canParse(text)) return null;
  return new URL(text).hostname;
}
