// A data folder that is gone after the test, with hosts and servers on it.

import { FileDirectory } from '@pamina/directory';
import { nodeEnv } from '@pamina/env';
import { join } from 'node:path';
import type { HostOptions } from '../src/host-core.js';
import { Host } from '../src/host.js';
import { type HostServer, serve, type ServeOptions } from '../src/server.js';

export const env = nodeEnv();

export class Workbench {
  readonly folder: string;
  readonly data: string;
  readonly #closers: (() => Promise<void>)[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    this.data = join(folder, 'data');
  }

  static async open(): Promise<Workbench> {
    return new Workbench(await env.disk.temporaryFolder('pamina-server-'));
  }

  async host(options: Partial<HostOptions> = {}): Promise<Host> {
    const host = await Host.open({ env, dataFolder: this.data, ...options });
    this.#closers.push(() => host.close());
    return host;
  }

  /** On a free port of loopback; `data` names another data folder, the directory is shared. */
  async server(options: Partial<ServeOptions> & { data?: string } = {}): Promise<HostServer> {
    const { data = 'data', ...rest } = options;
    const server = await serve({
      env,
      dataFolder: join(this.folder, data),
      directory: this.directory,
      listen: '127.0.0.1:0',
      ...rest,
    });
    this.#closers.push(() => server.close());
    return server;
  }

  get directory(): string {
    return join(this.folder, 'directory.json');
  }

  async names(): Promise<Record<string, string>> {
    const directory = new FileDirectory({ env, path: this.directory });
    const entries = await directory.list();
    await directory.close();
    return Object.fromEntries([...entries].map(([name, { address }]) => [name, address]));
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close();
    await env.disk.removeTree(this.folder);
  }
}

/** Resolves with the first value that fits; fails after a deadline with the last one seen. */
export async function eventually<T>(
  ask: () => Promise<T>,
  fits: (value: T) => boolean,
): Promise<T> {
  const deadline = env.clock.monotonic() + 30_000;
  for (;;) {
    const value = await ask();
    if (fits(value)) return value;
    if (env.clock.monotonic() > deadline) throw new Error(`in vain: ${JSON.stringify(value)}`);
    await env.clock.sleep(20);
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export async function* each<T>(items: Iterable<T>): AsyncIterable<T> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}
