// The simulated network passes the contract, within one host.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { networkContract } from '../../../env/test/network-contract.js';
import { createWorld } from '../../src/world/world.js';
import { pump } from './pump.js';

const world = createWorld({ seed: 'network' });
const { env } = world.host('a');
pump(world);
networkContract(
  'simulated',
  () => env.network,
  async (listener) => {
    listener.server.listen(0, '127.0.0.1');
    await once(listener.server, 'listening');
    return `127.0.0.1:${(listener.server.address() as AddressInfo).port}`;
  },
);
