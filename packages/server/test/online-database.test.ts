// What works on a database that goes offline in the same moment.

import type { Database } from '@pamina/engine';
import type { FollowerRunner } from '@pamina/replication';
import { expect, it, vi } from 'vitest';
import { OnlineDatabase } from '../src/online-database.js';
import { env } from './workbench.js';

it('a follower that is being restarted while its database goes offline stays stopped', async () => {
  const synchronous = { quiet: () => Promise.resolve(), end: vi.fn() };
  const database = { close: () => Promise.resolve(), synchronous } as unknown as Database;
  const online = new OnlineDatabase('cities', database, env);
  const follower = { start: vi.fn(), stop: () => env.clock.sleep(5) };
  online.follower = follower as unknown as FollowerRunner;
  await Promise.all([online.restartFollower(), online.close()]);
  expect(follower.start).not.toHaveBeenCalled();
});
