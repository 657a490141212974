// How a remote database is named, and how the server that has it is found.

import { PaminaError, validateName } from '@pamina/format';
import type { ClientDirectory, Finder, Found } from './remote-env.js';
import type { RemoteOptions } from './remote-options.js';

export interface RemoteAddress {
  readonly name: string;
  /** `http://host:port`; null where a directory says it. */
  readonly server: string | null;
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
  const scheme = match?.[1] === 's' ? 'https' : 'http';
  if (match?.[3] === undefined || (host !== undefined && !URL.canParse(`${scheme}://${host}`))) {
    const shown = JSON.stringify(text.replace(/\/\/[^/@]*@/, '//').slice(0, 200));
    throw new PaminaError('ADDRESS_INVALID', `${shown} does not name a database`, { hint });
  }
  const server = host === undefined ? null : new URL(`${scheme}://${host}`).origin;
  return { name: validateName(match[3]), server };
}

/** Replicas of a database with a server of its own in its address are asked for there, too. */
export function finderOf(
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
