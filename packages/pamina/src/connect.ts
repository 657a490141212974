// A database on a server elsewhere, with this machine's network and directory file.
import { resolve } from 'node:path';
import { RemotePamina, type RemoteOptions } from '@pamina/client';
import { isEtcdAddress, openDirectory } from '@pamina/directory';
import { type ClientTls, nodeEnv, securedNetwork, type Env } from '@pamina/env';

export interface ConnectOptions<K, V> extends Omit<
  RemoteOptions<K, V>,
  'env' | 'directory' | 'isSecure'
> {
  /** What servers enter their databases in: a file or `etcd://HOST:PORT`; a directory; or addresses of servers by name. */
  readonly directory?: string | RemoteOptions<K, V>['directory'];
  /** For servers with an https:// address, and then no others are asked: PEM, as bytes. */
  readonly tls?: ClientTls | undefined;
  /** The world outside of the program; by default this machine's. For simulations. */
  readonly env?: Env | undefined;
}

/**
 * `pamina://NAME`, found by the directory, or `pamina://HOST:PORT/NAME`. Like `new Level()` it opens by itself, and
 * calls wait for that. ADDRESS_INVALID, NAME_INVALID.
 */
export function connect<K = string, V = string>(
  address: string,
  options: ConnectOptions<K, V> = {},
): RemotePamina<K, V> {
  const { directory, env: given = nodeEnv(), tls = null, ...rest } = options;
  const others = { ...rest, isSecure: tls !== null };
  const env = { ...given, network: securedNetwork(given.network, { tls: () => tls }) };
  if (typeof directory !== 'string') {
    return new RemotePamina<K, V>(address, { ...others, directory, env });
  }
  const place = isEtcdAddress(directory) ? directory : resolve(directory);
  return new RemotePamina<K, V>(address, {
    ...others,
    env,
    directory: () => openDirectory({ env: { ...given, network: env.network }, place }),
  });
}
