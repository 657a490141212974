// How a directory in etcd is named where a path of a file could stand.

import { PaminaError } from '@pamina/format';

export interface EtcdPlace {
  /** `http://host:port` of its members, or https. */
  readonly endpoints: readonly string[];
  /** Of all its keys; ends with a slash. */
  readonly prefix: string;
}

const scheme = /^etcds?:\/\//i;
const prefixDefault = 'pamina/';
const portDefault = '2379';
const endpointsMax = 16;
const hint =
  'Write it as etcd://HOST:PORT, with more members behind commas and a prefix of the keys behind a slash (etcds:// over TLS).';

/** Not the path of a file. */
export function isEtcdAddress(text: string): boolean {
  return scheme.test(text);
}

/** `etcd://HOST[:PORT][,HOST[:PORT]…][/PREFIX]`, or etcds. ADDRESS_INVALID; credentials in it are refused and not shown (P14). */
export function parseEtcdAddress(text: string): EtcdPlace {
  const match = /^etcd(s?):\/\/([^/@?#\s]+)(?:\/([a-z0-9._/-]*))?$/i.exec(text);
  const hosts = match?.[2]?.split(',') ?? [];
  const protocol = match?.[1] === '' ? 'http' : 'https';
  const endpoints = hosts.map((host) => endpointOf(protocol, host));
  if (endpoints.length === 0 || endpoints.length > endpointsMax || endpoints.includes(null)) {
    const shown = JSON.stringify(text.replace(/\/\/.*@/s, '//').slice(0, 200));
    throw new PaminaError('ADDRESS_INVALID', `${shown} is no address of etcd`, { hint });
  }
  const given = (match?.[3] ?? '').replace(/^\/+|\/+$/g, '');
  return {
    endpoints: endpoints.filter((endpoint) => endpoint !== null),
    prefix: given === '' ? prefixDefault : `${given}/`,
  };
}

function endpointOf(protocol: string, host: string): string | null {
  const text = `${protocol}://${host}`;
  if (!URL.canParse(text)) return null;
  const { hostname, port } = new URL(text);
  // URL leaves the usual port of its scheme out, which is not etcd's.
  const given = /:([0-9]+)$/.exec(host)?.[1];
  return hostname === '' ? null : `${protocol}://${hostname}:${port || given || portDefault}`;
}
