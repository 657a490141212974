// The simulated disk passes the contract.

import { diskContract } from '../../../env/test/disk-contract.js';
import { createWorld } from '../../src/world/world.js';
import { pump } from './pump.js';

const world = createWorld({ seed: 'disk' });
const { env } = world.host('a');
pump(world);
diskContract('simulated', () => env.disk);
