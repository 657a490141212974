// The operating system's randomness passes the contract.

import { nodeRandom } from '../../src/node/random.js';
import { randomContract } from '../random-contract.js';

randomContract('Node', () => nodeRandom);
