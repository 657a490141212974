// A worker thread for the tests: opens the database that its parent names and says how that went.
import { nodeEnv } from '@pamina/env';
import { toPaminaError } from '@pamina/format';
import { parentPort, workerData } from 'node:worker_threads';
import { Database } from '../../src/database.js';

async function open(folder: string): Promise<string> {
  try {
    const database = await Database.open(folder, { env: nodeEnv() });
    await database.close();
    return 'open';
  } catch (error) {
    return toPaminaError(error).code;
  }
}

const said = await open(workerData as string);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
parentPort!.postMessage(said);
