// The server of one machine: the real Host with its databases, the directory that all machines share, and what of
// its HTTP face one server asks another. The routes themselves are the server's own matter and are not simulated.

import type { Database } from '@pamina/engine';
import type { Env, HttpListener } from '@pamina/env';
import { isPaminaError, PaminaError, toPaminaError, wireMessageBytesMax } from '@pamina/format';
import { channelPingMs } from '@pamina/replication';
import { Host } from '@pamina/server';
import { answerJson } from './world/network/json-face.js';

const port = 7474;
/** What is asked of one database by its name. */
type Asked = Parameters<Host['takeOver']>[1] & { readonly successor: string };

export interface ServerProcessOptions {
  /** With a disk on which `directory` is the one that all machines share. */
  readonly env: Env;
  readonly machine: string;
  readonly dataFolder: string;
  readonly directory: string;
}

export class ServerProcess {
  readonly host: Host;
  readonly #listener: HttpListener;
  #lastName: string | null = null;

  private constructor(host: Host, env: Env) {
    this.host = host;
    this.#listener = env.network.createHttpServer();
    answerJson(this.#listener, {
      clock: env.clock,
      get: (path) => this.#read(path),
      run: (path, body) => this.#run(path, body as Asked),
    });
    this.#listener.onUpgrade((request, accept, refuse) => {
      const name = /^\/v1\/databases\/([^/]+)\/feed$/.exec(request.url)?.[1] ?? '';
      try {
        host.requireOnline(name);
        const heard = { messageBytesMax: wireMessageBytesMax, heartbeatMs: channelPingMs };
        const channel = accept(heard);
        host.feed(name, channel).catch((error: unknown) => {
          channel.close(4500, toPaminaError(error).code);
        });
      } catch (error) {
        const refusal = toPaminaError(error);
        refuse(refusal.httpStatus, JSON.stringify({ error: refusal }));
      }
    });
  }

  /** As `serve` does it: it answers before its databases come up. */
  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const { dataFolder, directory, env, machine } = options;
    const host = await Host.open({ env, dataFolder, directory, environment: {} });
    const server = new ServerProcess(host, env);
    await server.#listen();
    await host.goOnline(`http://${machine}:${port}`);
    return server;
  }

  /** Of these names one that is online here; a machine has one database. */
  database(names: readonly string[]): Database | null {
    for (const name of new Set([this.#lastName, ...names])) {
      if (name === null) continue;
      try {
        const database = this.host.database(name);
        this.#lastName = name;
        return database;
      } catch (error) {
        if (!isPaminaError(error, 'DATABASE_OFFLINE')) throw error;
      }
    }
    return null;
  }

  async close(): Promise<void> {
    await this.host.close();
    await this.#listener.close();
  }

  #listen(): Promise<void> {
    const { server } = this.#listener;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port }, () => resolve());
    });
  }

  #read(path: string): Promise<unknown> {
    if (path === '/v1/databases') return this.host.list();
    const name = /^\/v1\/databases\/([^/]+)$/.exec(path)?.[1];
    return name === undefined ? nothingAt(path) : this.host.status(name);
  }

  #run(path: string, body: Asked): Promise<unknown> {
    const [, name = '', verb] = /^\/v1\/databases\/([^/]+)\/([a-z-]+)$/.exec(path) ?? [];
    if (verb === 'fence') return this.host.fence(name, body.successor);
    if (verb === 'unfence') return this.host.unfence(name);
    if (verb === 'take-over') return this.host.takeOver(name, body);
    return nothingAt(path);
  }
}

function nothingAt(path: string): Promise<never> {
  return Promise.reject(new PaminaError('REQUEST_INVALID', `there is no ${path} here`));
}
