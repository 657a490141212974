// A server that is told to end by signals, with clients in the middle of transactions: real processes.
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { RemoteAdministration } from '@pamina/client';
import { inScene, type Scene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { until } from '../support/until.js';

const started = async (scene: Scene, ...words: string[]): Promise<ServedFolder> => {
  const served = await ServedFolder.started(scene, 'data', { words });
  await served.administration.create('cities');
  return served;
};

async function openTransaction({ transactions }: RemoteAdministration): Promise<string> {
  const { id } = await transactions.begin('cities');
  await transactions.put('cities', id, 'linz', 'AT');
  return id;
}

/** It does not take new work any more, and is still there. */
function untilStopping(served: ServedFolder): Promise<unknown> {
  return until('the server is stopping', async () => {
    const answer = await fetch(`${served.address}/health`);
    return answer.status === 503;
  });
}

it(
  'P1 on SIGTERM a client in a transaction commits, then the server ends well',
  inScene(async (scene) => {
    const served = await started(scene);
    const { administration } = served;
    const { transactions } = administration;
    const id = await openTransaction(administration);
    served.process.signal('SIGTERM');
    await untilStopping(served);
    await expect(transactions.begin('cities')).rejects.toMatchObject({ code: 'DATABASE_STOPPING' });
    await transactions.put('cities', id, 'graz', 'AT');
    await transactions.commit('cities', id);
    expect(await served.process.ended()).toEqual({ status: 0, signal: null });
    expect(await served.json('get', 'cities', 'graz')).toMatchObject({ value: 'AT' });
  }),
);

it(
  'a second signal rolls back what is open, and that is an end in order',
  inScene(async (scene) => {
    const served = await started(scene);
    await openTransaction(served.administration);
    served.process.signal('SIGTERM');
    await untilStopping(served);
    expect(await served.process.kill('SIGTERM')).toEqual({ status: 0, signal: null });
    expect((await served.pamina('get', 'cities', 'linz')).stderr).toMatch(/^KEY_NOT_FOUND: /);
  }),
);

it(
  'with --stop-mode rollback the first signal is enough',
  inScene(async (scene) => {
    const served = await started(scene, '--stop-mode', 'rollback');
    await openTransaction(served.administration);
    expect(await served.process.kill('SIGINT')).toEqual({ status: 0, signal: null });
  }),
);

it(
  'P9 when the time is over it rolls back, says so, and ends with another status',
  inScene(async (scene) => {
    const served = await started(scene, '--stop-timeout', '0');
    await openTransaction(served.administration);
    expect(await served.process.kill('SIGTERM')).toEqual({ status: 10, signal: null });
    expect(served.process.stderr).toContain('"code":"STOP_TIMEOUT"');
    await served.start();
    expect(await served.administration.status('cities')).toMatchObject({ state: 'open' });
    await served.stop();
  }),
);

it(
  'P1 a signal beyond the hardest mode ends the process at once, and nothing acknowledged is lost',
  inScene(async (scene) => {
    const served = await started(scene, '--stop-mode', 'rollback');
    await served.administration.put('cities', 'paris', 'FR');
    // All three wait for it when it goes on: roll back, abort, end.
    served.process.signal('SIGSTOP');
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) served.process.signal(signal);
    // Of the last one that it hears of; in which order is the system's to say.
    expect([129, 130, 143]).toContain((await served.process.kill('SIGCONT')).status);
    expect(await served.json('get', 'cities', 'paris')).toMatchObject({ value: 'FR' });
  }),
);

it(
  'pamina stop waits for a transaction, and goes away without a trace when it is interrupted',
  inScene(async (scene) => {
    const served = await started(scene);
    const { administration } = served;
    const id = await openTransaction(administration);
    const refused = await served.pamina('stop', 'cities', '--mode', 'fast');
    expect(refused.status).toBe(2);
    const stopping = served.pamina('stop', 'cities');
    await until('no transaction begins any more', async () => {
      try {
        const begun = await administration.transactions.begin('cities');
        await administration.transactions.rollback('cities', begun.id);
        return false;
      } catch (error) {
        return (error as { code?: string }).code === 'DATABASE_STOPPING';
      }
    });
    await administration.transactions.commit('cities', id);
    expect(await stopping).toMatchObject({ status: 0 });
    await served.stop();
  }),
);

it(
  'its log is in a file, one line a request',
  inScene(async (scene) => {
    const file = scene.path('server.log');
    const served = await started(scene, '--log-level', 'info', '--log-file', file);
    await served.administration.put('cities', 'paris', 'secret-value');
    await served.stop();
    const text = await readFile(file, 'utf8');
    const lines = text.trimEnd().split('\n');
    const parsed = lines.map((line) => JSON.parse(line) as { msg: string; route?: string });
    expect(parsed[0]).toMatchObject({ msg: 'listening' });
    expect(parsed.at(-1)).toMatchObject({ msg: 'stopped' });
    expect(parsed.map(({ route }) => route)).toContain('/v1/databases/:name/put');
    expect(text).not.toContain('secret-value');
    const unwritable = await served.pamina('serve', '--log-file', scene.path('no', 'such', 'file'));
    expect(unwritable.status).not.toBe(0);
    expect(unwritable.stderr).toMatch(/^[A-Z_]+: /);
  }),
);
