// Node's timers pass the contract.

import { nodeClock } from '../../src/node/clock.js';
import { clockContract } from '../clock-contract.js';

clockContract('Node', () => nodeClock);
