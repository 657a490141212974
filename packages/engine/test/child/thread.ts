// A worker thread for the tests: opens the database that its parent names and says how that went.
import { nodeEnv } from '@pamina/env';
import { toPaminaError } from '@pamina/format';
import { parentPort, workerData } from 'node:worker_threads';
import { Database } from '../../src/database.js';

try {
  const database = await Database.open(workerData as string, { env: nodeEnv() });
  parentPort!.postMessage('open');
  await database.close();
} catch (error) {
  parentPort!.postMessage(toPaminaError(error).code);
}
