// How a remote database is named, and how the server that has it is found.

import { PaminaError, validateName } from '@pamina/format';
import type { ClientDirectory, Finder, Found } from './remote-env.js';
import type { RemoteOptions } from './remote-options.js';

export interface RemoteAddress {
  readonly name: string;
  /** `http://host:port`; null where a directory says it. */
  readonly server: string | null;
  /** `paminas://`: the token goes to no server in the clear. */
  readonly isSecure: boolean;
}

export interface FoundBy {
  readonly finder: Finder;
  close(): Promise<void>;
}

const addressPattern = /^pamina(s?):\/\/(?:([^/@?#]+)\/)?([^/@?#:]+)$/;
const hint =
  'Write it as pamina://NAME with a directory, or as pamina://HOST:PORT/NAME (paminas:// over TLS).';

/** ADDRESS_INVALID, NAME_INVALID. */
export function parseRemoteAddress(text: string): RemoteAddress {
  const match = addressPattern.exec(text);
  const host = match?.[2];
  const isSecure = match?.[1] === 's';
  const scheme = isSecure ? 'https' : 'http';
  if (match?.[3] === undefined || (host !== undefined && !URL.canParse(`${scheme}://${host}`))) {
    const shown = JSON.stringify(text.replace(/\/\/[^/@]*@/, '//').slice(0, 200));
    throw new PaminaError('ADDRESS_INVALID', `${shown} does not name a database`, { hint });
  }
  const server = host === undefined ? null : new URL(`${scheme}://${host}`).origin;
  return { name: validateName(match[3]), server, isSecure };
}

/** Replicas of a database with a server of its own in its address are asked for there, too. */
export function finderOf(
  address: RemoteAddress,
  directory: RemoteOptions<never, never>['directory'],
): FoundBy {
  const found = findsBy(address, directory);
  return address.isSecure ? { ...found, finder: secured(found.finder) } : found;
}

/** ADDRESS_INVALID, whoever says it, for an address that is not one of TLS. */
function secured(finder: Finder): Finder {
  return {
    async find(name) {
      const found = await finder.find(name);
      if (found.address.startsWith('https:')) return found;
      const message = `${name} is at ${found.address}, which is not over TLS, and TLS was asked for`;
      throw new PaminaError('ADDRESS_INVALID', message, {
        hint: 'Let that server serve TLS and be named with https://, or write paminas://HOST:PORT/NAME.',
        context: { name },
      });
    },
    onChange: (listener) => finder.onChange(listener),
  };
}

function findsBy(
  { name, server }: RemoteAddress,
  directory: RemoteOptions<never, never>['directory'],
): FoundBy {
  const nothing = (): Promise<void> => Promise.resolve();
  if (typeof directory === 'function') {
    const opened = directory();
    return {
      finder: finderIn(opened, server === null ? null : { name, server }),
      close: () => opened.close(),
    };
  }
  if (directory !== undefined && isDirectory(directory)) {
    const fixed = server === null ? null : { name, server };
    return { finder: finderIn(directory, fixed), close: nothing };
  }
  const addresses = new Map(Object.entries(directory ?? {}));
  if (server !== null) addresses.set(name, server);
  if (addresses.size === 0) {
    throw new PaminaError('ADDRESS_INVALID', `nothing says where ${name} is`, { hint });
  }
  const find = (asked: string): Promise<Found> => {
    const address = addresses.get(asked) ?? server;
    return address === null
      ? Promise.reject(notFound(asked, 'the addresses that were given'))
      : Promise.resolve({ address, instance: null });
  };
  return { finder: { find, onChange: () => () => undefined }, close: nothing };
}

function finderIn(
  directory: ClientDirectory,
  fixed: { readonly name: string; readonly server: string } | null,
): Finder {
  return {
    async find(name) {
      if (name === fixed?.name) return { address: fixed.server, instance: null };
      const entry = await directory.resolve(name);
      if (entry === null) throw notFound(name, directory.describe());
      return { address: entry.address, instance: entry.instance };
    },
    onChange: (listener) => directory.onChange(listener),
  };
}

function isDirectory(value: object): value is ClientDirectory {
  return 'resolve' in value && typeof value.resolve === 'function';
}

function notFound(name: string, where: string): PaminaError {
  return new PaminaError('NAME_NOT_FOUND', `${name} is not in ${where}`, { context: { name } });
}
