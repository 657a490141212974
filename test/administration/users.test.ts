// Users of a database on real servers: who is let in, what travels to a replica and into a copy, and that no token is
// anywhere but with who has it.

import { RemoteAdministration } from '@pamina/client';
import type { Role } from '@pamina/format';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PaminaServer } from '@pamina/server';
import { env, eventually, Workbench } from '../../packages/server/test/workbench.js';

let bench: Workbench;
const clients: RemoteAdministration[] = [];

beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await bench.close();
});

const serverToken = 'a-token-for-this-test';

function clientOf(server: PaminaServer, token?: string): RemoteAdministration {
  const client = new RemoteAdministration({ env, address: server.address, token });
  clients.push(client);
  return client;
}

async function addUser(
  { host }: PaminaServer,
  user: string,
  roles: readonly Role[],
  database = 'orders',
): Promise<string> {
  return (await host.users.add(database, user, { roles })).token;
}

const refused = (code: string) => ({ rejects: { code } });
async function expectRefused(call: Promise<unknown>, { rejects }: ReturnType<typeof refused>) {
  await expect(call).rejects.toMatchObject(rejects);
}

/** All bytes of a folder as text in which ASCII is itself. */
async function bytesBelow(folder: string): Promise<string> {
  let text = '';
  for (const { isFolder, name } of await env.disk.list(folder)) {
    const path = `${folder}/${name}`;
    text += isFolder
      ? await bytesBelow(path)
      : Buffer.from(await env.disk.readFile(path)).toString('latin1');
  }
  return text;
}

describe('P14 on a server without a token', () => {
  it('a database with users asks for a token, and what belongs to none does too', async () => {
    const server = await bench.server();
    const nobody = clientOf(server);
    await nobody.create('orders');
    await nobody.create('free');
    await nobody.put('orders', 'a', '1');
    const { token } = await nobody.users.add('orders', 'root', { roles: ['admin'] });
    const reader = clientOf(server, await addUser(server, 'reader', ['read']));
    const root = clientOf(server, token);
    for (const call of [
      () => nobody.get('orders', 'a'),
      () => nobody.status('orders'),
      () => nobody.users.list('orders'),
      () => nobody.delete('orders', { dryRun: true }),
      () => nobody.create('copy', { fromBackup: 'pamina://orders' }),
      () => nobody.failover('elsewhere'),
    ]) {
      await expectRefused(call(), refused('UNAUTHORIZED'));
    }
    await nobody.put('free', 'a', '1');
    expect((await nobody.list()).map(({ name }) => name)).toEqual(['free', 'orders']);
    expect((await reader.list()).map(({ name }) => name)).toEqual(['orders']);
    expect(await reader.get('orders', 'a')).toBe('1');
    await expectRefused(reader.put('orders', 'a', '2'), refused('FORBIDDEN'));
    await root.put('orders', 'a', '2');
    await expectRefused(root.rename('orders', 'other'), refused('FORBIDDEN'));
    const beyond = [
      () => root.backups('orders', { from: '/etc' }),
      () => root.restore('orders', { as: 'copy' }),
      () => root.verify('orders', { from: 'pamina://free' }),
    ];
    for (const call of beyond) await expectRefused(call(), refused('FORBIDDEN'));
    await root.users.remove('orders', 'reader');
    await expectRefused(reader.get('orders', 'a'), refused('UNAUTHORIZED'));
    await root.users.remove('orders', 'root');
    expect(await nobody.get('orders', 'a')).toBe('2');
  });

  it('a stopped database keeps its users, also over a restart of the server', async () => {
    const server = await bench.server();
    const nobody = clientOf(server);
    await nobody.create('orders');
    const token = await addUser(server, 'root', ['admin']);
    const root = clientOf(server, token);
    await root.stop('orders');
    await expectRefused(nobody.start('orders'), refused('UNAUTHORIZED'));
    await expectRefused(nobody.status('orders'), refused('UNAUTHORIZED'));
    expect((await root.status('orders')).online).toBe(false);
    await root.start('orders');
    await server.close();
    const again = await bench.server();
    await expectRefused(clientOf(again).get('orders', 'a'), refused('UNAUTHORIZED'));
    await clientOf(again, token).put('orders', 'a', '1');
  });
});

describe('P14 tokens', () => {
  it('expire, can be revoked one by one, and are no file’s and no log’s content', async () => {
    const server = await bench.server({ token: serverToken });
    const administrator = clientOf(server, serverToken);
    await administrator.create('orders');
    const first = await administrator.users.add('orders', 'alice', { roles: ['read', 'write'] });
    const second = await administrator.users.addToken('orders', 'alice', { label: 'laptop' });
    await clientOf(server, first.token).put('orders', 'a', '1');
    await clientOf(server, second.token).put('orders', 'a', '2');
    const past = administrator.users.addToken('orders', 'alice', { expiresAt: 1 });
    await expectRefused(past, refused('REQUEST_INVALID'));
    const left = await administrator.users.removeToken('orders', 'alice', first.id);
    expect(left.tokens.map(({ id, label }) => [id, label])).toEqual([[second.id, 'laptop']]);
    await expectRefused(clientOf(server, first.token).get('orders', 'a'), refused('UNAUTHORIZED'));
    expect(await clientOf(server, second.token).get('orders', 'a')).toBe('2');
    const { token } = await administrator.users.addToken('orders', 'alice', {
      expiresAt: env.clock.now() + 50,
    });
    await eventually(
      () =>
        clientOf(server, token)
          .get('orders', 'a')
          .then(String, (error: unknown) => error),
      (answer) => (answer as { code?: string }).code === 'UNAUTHORIZED',
    );
    expect(JSON.stringify(await administrator.users.list('orders'))).not.toContain('hash');
    await administrator.backup('orders');
    await server.close();
    const kept = await bytesBelow(bench.folder);
    expect(kept).toContain(second.id);
    for (const one of [first.token, second.token, token, serverToken]) {
      expect(kept).not.toContain(one);
      // The secret behind the id; it may have underscores itself.
      expect(kept).not.toContain(one.slice(one.indexOf('_', 'pamina_'.length) + 1));
    }
  });

  it('of wrong ones an address waits, and is told how long', async () => {
    const server = await bench.server({ token: serverToken });
    const guess = (): Promise<unknown> =>
      clientOf(server, 'guessed-guessed-guessed')
        .list()
        .catch((error: unknown) => error);
    for (let n = 0; n < 10; n += 1) expect(await guess()).toMatchObject({ code: 'UNAUTHORIZED' });
    expect(await guess()).toMatchObject({ code: 'TOO_MANY_REQUESTS' });
    const response = await env.network.request(`${server.address}/v1/databases`, {
      headers: { authorization: 'Bearer guessed-guessed-guessed' },
    });
    response.cancel();
    expect(response.status).toBe(429);
    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('P13 of one user do not make more requests than the server allows', async () => {
    const server = await bench.server({ token: serverToken, requestsPerSecond: 1 });
    const administrator = clientOf(server, serverToken);
    const ends = await Promise.all(
      Array.from({ length: 20 }, () =>
        administrator.list().then(String, (error: unknown) => error),
      ),
    );
    const limited = ends.filter((end) => (end as { code?: string }).code === 'TOO_MANY_REQUESTS');
    expect(limited.length).toBeGreaterThan(0);
  });
});

it('P14 who may not write any more does not commit what he wrote, and does what he only read', async () => {
  const server = await bench.server({ token: serverToken });
  const administrator = clientOf(server, serverToken);
  await administrator.create('orders');
  const { transactions } = clientOf(server, await addUser(server, 'writer', ['write']));
  const writing = await transactions.begin('orders');
  await transactions.put('orders', writing.id, 'a', '1');
  const reading = await transactions.begin('orders');
  await administrator.users.setRoles('orders', 'writer', ['read']);
  await expectRefused(transactions.commit('orders', writing.id), refused('FORBIDDEN'));
  await transactions.commit('orders', reading.id);
  await administrator.users.setRoles('orders', 'writer', ['write']);
  await transactions.commit('orders', writing.id);
  expect(await administrator.get('orders', 'a')).toBe('1');
});

describe('P14 a channel', () => {
  it('ends soon after the token that opened it was revoked, and others go on', async () => {
    const server = await bench.server({ token: serverToken });
    const administrator = clientOf(server, serverToken);
    await administrator.create('orders');
    const url = `${server.address.replace('http', 'ws')}/v1/databases/orders/feed`;
    const open = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      const channel = await env.network.connect(url, { messageBytesMax: 1000, headers });
      const ends: number[] = [];
      channel.onMessage(() => undefined);
      channel.onClose(({ code }) => ends.push(code));
      return { channel, ends };
    };
    const revoked = await open(await addUser(server, 'old', ['replicate']));
    const kept = await open(await addUser(server, 'new', ['replicate']));
    await administrator.users.remove('orders', 'old');
    await eventually(
      () => Promise.resolve(revoked.ends),
      (ends) => ends.length > 0,
    );
    expect(revoked.ends).toEqual([4401]);
    expect(kept.ends).toEqual([]);
    kept.channel.close(1000, 'enough');
  });
});

describe('P14 copies', () => {
  it('a replica on another server has its master’s users, and changes none', async () => {
    const server = await bench.server({ token: serverToken });
    const administrator = clientOf(server, serverToken);
    await administrator.create('orders');
    await administrator.put('orders', 'a', '1');
    await administrator.backup('orders');
    const reader = await addUser(server, 'reader', ['read']);
    const standby = await addUser(server, 'standby', ['replicate']);
    await administrator.allow('orders', 'orders-replica');
    await administrator.set('orders', 'replicationDelayMs', '0');
    // It knows the master's server as that user only.
    const otherToken = 'a-token-of-the-other-server';
    const other = await bench.server({ data: 'other', token: otherToken, peerToken: standby });
    const there = clientOf(other, otherToken);
    await there.replicate('orders-replica', { master: 'orders' });
    await eventually(
      () => there.users.list('orders-replica'),
      (users) => users.length === 2,
    );
    const readerThere = clientOf(other, reader);
    expect((await readerThere.status('orders-replica')).type).toBe('replica');
    await expectRefused(readerThere.stop('orders-replica'), refused('FORBIDDEN'));
    const add = there.users.add('orders-replica', 'bob', { roles: ['admin'] });
    await expectRefused(add, refused('REPLICA_READ_ONLY'));
    await administrator.users.remove('orders', 'reader');
    await eventually(
      () => readerThere.status('orders-replica').then(String, (error: unknown) => error),
      (answer) => (answer as { code?: string }).code === 'UNAUTHORIZED',
    );
  });

  it('what is made from a backup asks for the same tokens, before it was ever online', async () => {
    const server = await bench.server();
    const nobody = clientOf(server);
    await nobody.create('orders');
    await nobody.put('orders', 'a', '1');
    const token = await addUser(server, 'reader', ['read']);
    await server.host.backup('orders');
    const id = (await server.host.backups('orders')).at(0)?.id ?? 'none';
    await server.host.create('copy', { fromBackup: `${bench.data}/orders/backups/${id}` });
    await expectRefused(nobody.get('copy', 'a'), refused('UNAUTHORIZED'));
    expect(await clientOf(server, token).get('copy', 'a')).toBe('1');
  });
});
