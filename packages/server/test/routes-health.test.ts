// Health checks: what a load balancer is told, and what a stranger is not.

import { afterEach, beforeEach, expect, it } from 'vitest';
import type { HostServer } from '../src/server.js';
import { ask, askJson } from './asking.js';
import { eventually, Workbench } from './workbench.js';

let bench: Workbench;
let server: HostServer;
const token = 'papageno-papagena-tamino';

beforeEach(async () => {
  bench = await Workbench.open();
  server = await bench.server({ token });
  await server.host.create('cities');
  await server.host.put('cities', 'paris', 'FR');
});
afterEach(() => bench.close());

const health = (query: string, at = server) => askJson(at, `/health${query}`);
const no = (reason: string) => ({ status: 503, body: { status: 'unavailable', reason } });

it('P9 a server that serves is healthy, and says no more than that to who has no token', async () => {
  const answer = await ask(server, '/health');
  expect(answer).toMatchObject({ status: 200, text: '{"status":"ok"}' });
  expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' });
  expect((await ask(server, '/v1/databases')).status).toBe(401);
});

it('P9 a database that is online is healthy as what it is', async () => {
  expect(await health('?database=cities')).toMatchObject({ status: 200 });
  expect(await health('?database=cities&type=master&maxLagMs=0')).toMatchObject({ status: 200 });
  expect(await health('?database=cities&type=replica')).toEqual(no('other-type'));
});

it('P14 one that is offline, one that never was and a name that is none are told alike', async () => {
  await server.host.stop('cities');
  for (const name of ['cities', 'never', '..%2f..%2fetc', '__proto__', '%00'])
    expect(await health(`?database=${name}`), name).toEqual(no('not-serving'));
});

it('P14 what is no question is refused', async () => {
  for (const query of ['?maxLagMs=-1', '?maxLagMs=1e3', '?type=x', '?other=1', '?database='])
    expect(await health(query), query).toMatchObject({
      status: 400,
      body: { error: { code: 'REQUEST_INVALID' } },
    });
});

it('P12 P9 a replica is healthy within its bound, and not when nobody knows how old it is', async () => {
  const { host } = server;
  await host.backup('cities');
  const there = await bench.server({ data: 'standby', token });
  await there.host.replicate('copy', { master: 'cities', simultaneousQuery: true });
  const within = '?database=copy&type=replica&maxLagMs=60000';
  await eventually(
    () => health(within, there),
    ({ status }) => status === 200,
  );
  expect(await health('?database=copy&type=master', there)).toEqual(no('other-type'));
  await host.close();
  await eventually(
    () => health('?database=copy&maxLagMs=0', there),
    ({ body }) => /lag/.test(JSON.stringify(body)),
  );
  // It still answers who does not mind.
  expect(await health('?database=copy', there)).toMatchObject({ status: 200 });
});

it('P11 a master that is fenced is not', async () => {
  await server.host.fence('cities', 'other');
  expect(await health('?database=cities')).toEqual(no('fenced'));
});
