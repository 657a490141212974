// Every route and channel of an application that runs, asked as everybody that there is: one real request over a
// socket for each cell. What is behind the routes refuses everything, so that what was let in changes nothing.

import { isPaminaError, PaminaError, roles } from '@pamina/format';
import { Access } from '../src/access.js';
import { Host } from '../src/host.js';
import { listedChannels } from '../src/channels.js';
import { httpApplication } from '../src/http-application.js';
import { originCheck } from '../src/origin.js';
import type { ListedRoute } from '../src/route-role.js';
import type { Served } from '../src/served.js';
import { env } from './workbench.js';

/** `nobody` shows nothing, `elsewhere` is an administrator of another database, `server` shows the server's token. */
export const askers = ['nobody', 'elsewhere', ...roles, 'server'] as const;
export type Asker = (typeof askers)[number];

/** `in`: it was let in, whatever came of it. */
export type Cell = 'in' | 'unauthorized' | 'forbidden';

export interface Row {
  readonly route: ListedRoute;
  readonly cells: Readonly<Record<Asker, Cell>>;
}

const serverToken = 'a-token-of-the-server';
const database = 'orders';

interface Stage {
  readonly address: string;
  readonly routes: readonly ListedRoute[];
  readonly tokens: Readonly<Record<Asker, string | null>>;
  close(): Promise<void>;
}

/** In the order in which the routes are registered; HEAD as GET is not asked twice. */
export async function playMatrix(): Promise<Row[]> {
  const stage = await openStage();
  try {
    const rows: Row[] = [];
    for (const route of stage.routes) {
      const cells: Partial<Record<Asker, Cell>> = {};
      for (const asker of askers) cells[asker] = await playCell(stage, route, asker);
      rows.push({ route, cells: cells as Row['cells'] });
    }
    return rows;
  } finally {
    await stage.close();
  }
}

async function playCell(stage: Stage, route: ListedRoute, asker: Asker): Promise<Cell> {
  const token = stage.tokens[asker];
  const headers: Record<string, string> =
    token === null ? {} : { authorization: `Bearer ${token}` };
  const path = route.url.replace(':name', database).replace(/:[a-z]+/g, 'x');
  const status =
    route.method === 'CHANNEL'
      ? await channelStatus(`${stage.address.replace('http', 'ws')}${path}`, headers)
      : await requestStatus(`${stage.address}${path}`, route.method, headers);
  // What tells nothing of roles would be taken for being let in.
  if (status !== 404 && status !== 429) return cellOf(status);
  throw new Error(`${asker} met the status ${status} at ${route.method} ${path}`);
}

async function requestStatus(
  url: string,
  method: string,
  headers: Record<string, string>,
): Promise<number> {
  const hasBody = method === 'POST' || method === 'PUT';
  const response = await env.network.request(url, {
    method,
    headers: hasBody ? { ...headers, 'content-type': 'application/json' } : headers,
    body: hasBody ? new TextEncoder().encode('{}') : undefined,
  });
  await response.bytes(1_000_000);
  return response.status;
}

async function channelStatus(url: string, headers: Record<string, string>): Promise<number> {
  try {
    const channel = await env.network.connect(url, { messageBytesMax: 1000, headers });
    channel.close(1000, 'seen');
    return 101;
  } catch (error) {
    if (!isPaminaError(error, 'CONNECT_FAILED')) throw error;
    return error.context['status'] as number;
  }
}

function cellOf(status: number): Cell {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  return 'in';
}

async function openStage(): Promise<Stage> {
  const dataFolder = await env.disk.temporaryFolder('pamina-matrix-');
  const host = await Host.open({ env, dataFolder });
  const listener = env.network.createHttpServer();
  const close = async (): Promise<void> => {
    await listener.close();
    await host.close();
    await env.disk.removeTree(dataFolder);
  };
  try {
    const tokens: Partial<Record<Asker, string | null>> = { nobody: null, server: serverToken };
    for (const name of [database, 'other']) await host.create(name);
    for (const role of roles) {
      tokens[role] = (await host.users.add(database, role, { roles: [role] })).token;
    }
    tokens.elsewhere = (await host.users.add('other', 'elsewhere', { roles: ['admin'] })).token;
    const users = host.userTables;
    const access = new Access({ token: serverToken, users, clock: env.clock });
    const identity = { product: 'pamina', instance: '', startedAt: 0 } as const;
    const served = refusing(host);
    const origin = originCheck(false);
    const app = await httpApplication({ env, listener, served, access, origin, identity });
    await new Promise<void>((resolve) => listener.server.listen(0, '127.0.0.1', resolve));
    const { port } = listener.server.address() as { port: number };
    const address = `http://127.0.0.1:${port}`;
    // Let in once, it is not made to wait for being refused elsewhere.
    const headers = { authorization: `Bearer ${tokens.elsewhere}` };
    await requestStatus(`${address}/v1/databases/other`, 'GET', headers);
    const routes = app.listedRoutes.filter(({ method }) => method !== 'HEAD');
    return {
      address,
      routes: [...routes, ...listedChannels],
      tokens: tokens as Stage['tokens'],
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Knows who may do what, and does nothing. */
function refusing(host: Host): Served {
  const refuse = (): never => {
    throw new PaminaError('DATABASE_OFFLINE', 'nothing is done here');
  };
  const refusers = new Proxy({}, { get: () => refuse });
  return new Proxy({} as Served, {
    get: (_target, property) => {
      if (property === 'userTables') return host.userTables;
      return property === 'transactions' || property === 'users' ? refusers : refuse;
    },
  });
}
