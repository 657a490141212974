// A network whose calls carry one way of speaking TLS, and go only where they may.

import type { ClientTls, Network } from './network.js';

export interface SecuredNetworkOptions {
  /** Asked at each call, since a certificate may be renewed; null: what Node trusts, and no own certificate. */
  readonly tls: () => ClientTls | null;
  /** Throws for an address that must not be called; nothing was sent there then. */
  readonly check?: ((url: string) => void) | undefined;
}

export function securedNetwork(network: Network, options: SecuredNetworkOptions): Network {
  const { check = () => undefined } = options;
  const tls = (): ClientTls | undefined => options.tls() ?? undefined;
  return {
    connect: async (url, given) => {
      check(url);
      return network.connect(url, { tls: tls(), ...given });
    },
    request: async (url, given) => {
      check(url);
      return network.request(url, { tls: tls(), ...given });
    },
    createHttpServer: (given) => network.createHttpServer(given),
    hostName: () => network.hostName(),
  };
}
