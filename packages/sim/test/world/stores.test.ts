// The simulated store passes the contract that LevelDB passes.

import { storesContract } from '../../../env/test/stores-contract.js';
import { createWorld } from '../../src/world/world.js';
import { pump } from './pump.js';

const world = createWorld({ seed: 'stores' });
const { env } = world.host('a');
pump(world);
storesContract('simulated', () => env);
