// The real world, put together.

import type { Env } from '../env.js';
import { nodeClock } from './clock.js';
import { nodeDisk } from './disk.js';
import { nodeNetwork } from './network.js';
import { nodeRandom } from './random.js';
import { nodeStores } from './stores.js';

export function nodeEnv(): Env {
  return {
    disk: nodeDisk,
    clock: nodeClock,
    network: nodeNetwork,
    random: nodeRandom,
    stores: nodeStores,
  };
}
