// Streams to clients that are slow, silent or gone, on a real connection with a made-up host.

import { nodeEnv } from '@pamina/env';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Access } from '../src/access.js';
import { originCheck } from '../src/origin.js';
import { httpApplication } from '../src/http-application.js';
import type { Served } from '../src/served.js';
import { eventually } from './workbench.js';

const env = nodeEnv();
const listener = () => env.network.createHttpServer();
let close: () => Promise<void>;
let address: string;
let pulled: number;
let isEnded: boolean;

/** Entries without end, counted as they are pulled. */
async function* endless() {
  try {
    for (;;) {
      pulled += 1;
      yield { key: `${pulled}`, value: 'x'.repeat(10_000) };
      if (pulled % 100 === 0) await env.clock.sleep(0);
    }
  } finally {
    isEnded = true;
  }
}

beforeEach(async () => {
  pulled = 0;
  isEnded = false;
  const served = {
    exportEntries: () => endless(),
    backup: (
      _name: string,
      _options: unknown,
      progress: (step: unknown) => void,
      signal: AbortSignal,
    ) =>
      new Promise((_resolve, reject) => {
        const step = { step: 'backup', done: 1, total: null, unit: 'bytes' };
        const cancel = env.clock.after(1, () => progress(step));
        signal.addEventListener('abort', () => {
          cancel();
          isEnded = true;
          reject(signal.reason as Error);
        });
      }),
    transactions: {},
    users: {},
  } as unknown as Served;
  const http = listener();
  const users = {
    tableOf: () => Promise.resolve(null),
    names: () => Promise.resolve([]),
  };
  const access = new Access({ token: undefined, users, clock: env.clock });
  const identity = { product: 'pamina', instance: '', startedAt: 0 } as const;
  await httpApplication({
    env,
    listener: http,
    served,
    access,
    origin: originCheck(false),
    identity,
  });
  await new Promise<void>((resolve) => http.server.listen(0, '127.0.0.1', resolve));
  const { port } = http.server.address() as { port: number };
  address = `http://127.0.0.1:${port}`;
  close = () => http.close();
});
afterEach(() => close());

it('P13 pulls nothing for a client that does not read, and ends when it is gone', async () => {
  const response = await env.network.request(`${address}/v1/databases/x/export`);
  expect(response.status).toBe(200);
  // What the system's buffers hold; then it stands still.
  let before = -1;
  await eventually(
    async () => {
      before = pulled;
      await env.clock.sleep(200);
      return pulled;
    },
    (now) => now > 0 && now === before,
  );
  expect(pulled).toBeLessThan(5_000);
  expect(isEnded).toBe(false);
  response.cancel();
  await eventually(() => Promise.resolve(isEnded), Boolean);
});

it('tells a task that its client went away', async () => {
  const response = await env.network.request(`${address}/v1/databases/x/backups`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: new TextEncoder().encode('{}'),
  });
  const [first] = [await response.stream()[Symbol.asyncIterator]().next()];
  expect(new TextDecoder().decode(first.value as Uint8Array)).toContain('"progress"');
  response.cancel();
  await eventually(() => Promise.resolve(isEnded), Boolean);
});
