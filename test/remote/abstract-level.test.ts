// The suite that abstract-level publishes for its implementations, whole, over a real server that listens.
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RemotePamina, type RemoteOptions } from '@pamina/client';
import { nodeEnv } from '@pamina/env';
import { serve } from '@pamina/server';
import { afterAll, expect, test as vitestTest } from 'vitest';
import { placeForManyDatabases } from '../../packages/engine/test/many-databases.js';
import { assertionsSoFar, test } from '../../packages/engine/test/tape.js';

type Options = Partial<RemoteOptions<string, string>>;

const suite = createRequire(import.meta.url)('abstract-level/test') as (options: {
  test: typeof test;
  factory: (options?: Options) => object;
}) => void;

const env = nodeEnv();
const folder = mkdtempSync(join(placeForManyDatabases(), 'pamina-remote-abstract-level-'));
// The suite asks the factory what it supports before anything is run.
const server = await serve({ env, dataFolder: folder, listen: '127.0.0.1:0' });
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Databases by the names that they have at the server, and who has them. */
const owners = new Map<string, FreshRemote>();
const made = new Set<string>();

/** Has an empty database from its first opening on, until it is closed and another needs one. */
class FreshRemote extends RemotePamina {
  #isMine = false;

  override async _open(): Promise<void> {
    if (owners.get(this.name) !== this) throw new Error(`${this.name} belongs to another by now`);
    if (!this.#isMine) await this.#empty();
    this.#isMine = true;
    await super._open();
  }

  async #empty(): Promise<void> {
    if (!made.has(this.name)) {
      made.add(this.name);
      await server.host.create(this.name);
      return;
    }
    const local = server.open(this.name);
    await local.clear();
    await local.close();
  }
}

suite({
  test,
  factory: (options) => {
    const [free] = [...owners].find(([, { status }]) => status === 'closed') ?? [];
    const name = free ?? `db-${owners.size}`;
    const directory = { [name]: server.address };
    const remote = new FreshRemote(`pamina://${name}`, { ...options, env, directory });
    owners.set(name, remote);
    return remote;
  },
});

vitestTest(
  'the suite asserts as much as of any database without getSync() and createIfMissing, counted with tape',
  () => {
    expect(assertionsSoFar()).toBeGreaterThanOrEqual(4664);
  },
);
