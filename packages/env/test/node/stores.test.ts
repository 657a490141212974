// LevelDB passes the contract.

import { nodeEnv } from '../../src/node/env.js';
import { storesContract } from '../stores-contract.js';

storesContract('LevelDB', nodeEnv);
