// Serves the feed of one database to whoever connects: what a server does between the network and
// replication, without its HTTP routes.

import type { Database } from '@pamina/engine';
import type { Env, HttpListener } from '@pamina/env';
import { wireMessageBytesMax } from '@pamina/format';
import { channelPingMs, type FeedOptions, FeedSeats, runFeed } from '@pamina/replication';

const port = 7474;

export class FeedServer {
  readonly #listener: HttpListener;
  readonly #ending = new AbortController();
  readonly #feeds = new Set<Promise<void>>();

  constructor(env: Env, database: Database, { onTakenOver }: Pick<FeedOptions, 'onTakenOver'>) {
    this.#listener = env.network.createHttpServer();
    const seats = new FeedSeats(env.clock);
    this.#listener.onUpgrade((_request, accept, refuse) => {
      if (this.#ending.signal.aborted || database.state === 'closed') {
        refuse(503, 'the database is offline');
        return;
      }
      const options = { messageBytesMax: wireMessageBytesMax, heartbeatMs: channelPingMs };
      const { signal } = this.#ending;
      const feed = runFeed(accept(options), database, { signal, seats, onTakenOver });
      this.#feeds.add(feed);
      void feed.finally(() => this.#feeds.delete(feed));
    });
  }

  listen(): Promise<void> {
    const { server } = this.#listener;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port }, () => resolve());
    });
  }

  /** Ends every feed in order, then the listener. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#feeds);
    await this.#listener.close();
  }
}

export function feedAddress(hostName: string): string {
  return `ws://${hostName}:${port}/feed`;
}
