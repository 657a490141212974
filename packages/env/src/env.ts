// Everything that reaches out of the process, in one value that is passed down.

import type { Clock } from './clock.js';
import type { Disk } from './disk.js';
import type { Network } from './network.js';
import type { Random } from './random.js';
import type { Stores } from './stores.js';

export interface Env {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly network: Network;
  readonly random: Random;
  readonly stores: Stores;
}
