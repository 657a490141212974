// A real server with TLS, asked over real HTTPS: what it says of itself, and where it is found.

import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClientTls, securedNetwork } from '@pamina/env';
import { HttpCaller, listAnswer } from '@pamina/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type CertificateFiles,
  hasOpenssl,
  makeCertificate,
} from '../../../test/support/certificates.js';
import { until } from '../../../test/support/until.js';
import { isHolderAlive } from '../src/master-link.js';
import { env, Workbench } from './workbench.js';

const token = 'a-token-for-this-test';
const code = (expected: string) => expect.objectContaining({ code: expected });

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

describe.skipIf(!hasOpenssl)('a server with TLS (needs openssl)', () => {
  let own: CertificateFiles;
  let said: string[];
  const onNotice = ({ message }: { message: string }): unknown => said.push(message);

  beforeEach(async () => {
    said = [];
    own = await makeCertificate(bench.folder, 'own');
  });

  async function trusting(serverName?: string): Promise<ClientTls> {
    return { ca: await readFile(own.cert), serverName };
  }

  async function json(url: string, tls: ClientTls): Promise<unknown> {
    const response = await env.network.request(url, { tls });
    return JSON.parse(new TextDecoder().decode(await response.bytes(10_000)));
  }

  async function serverFile(): Promise<Record<string, unknown>> {
    const text = await readFile(join(bench.data, 'server.json'), 'utf8');
    return JSON.parse(text) as Record<string, unknown>;
  }

  it('P14 listens for others with a token, and says until when its certificate is valid', async () => {
    const listen = '0.0.0.0:0';
    await expect(bench.server({ listen, tls: own })).rejects.toThrow(code('TOKEN_REQUIRED'));
    const advertise = 'https://localhost:7474';
    const server = await bench.server({ listen, token, tls: own, advertise, onNotice });
    expect(server.address).toBe(advertise);
    const { address, serverName } = await serverFile();
    expect(address).toMatch(/^https:\/\/127\.0\.0\.1:[1-9]/);
    expect(serverName).toBeUndefined();
    const answer = await json(`${String(address)}/v1/server`, await trusting());
    const now = env.clock.now();
    expect(answer).toMatchObject({
      product: 'pamina',
      tls: { expiresAt: expect.any(Number) as number },
    });
    expect((answer as { tls: { expiresAt: number } }).tls.expiresAt).toBeGreaterThan(now);
    expect(said).toEqual([]);
  });

  it('P14 asks for its token, and refuses pages that are not its own, over https and wss', async () => {
    const server = await bench.server({ token, tls: own });
    const tls = await trusting();
    const network = securedNetwork(env.network, { tls: () => tls });
    const feed = `${server.address.replace('https', 'wss')}/v1/databases/x/feed`;
    const statusOf = async (headers: Record<string, string>): Promise<unknown[]> => {
      const response = await network.request(`${server.address}/v1/databases`, { headers });
      response.cancel();
      const failure: unknown = await network
        .connect(feed, { messageBytesMax: 1, headers })
        .catch((error: unknown) => error);
      return [response.status, (failure as { context: { status: number } }).context.status];
    };
    const authorization = `Bearer ${token}`;
    expect(await statusOf({})).toEqual([401, 401]);
    expect(await statusOf({ authorization })).toEqual([200, 409]);
    expect(await statusOf({ authorization, origin: server.address })).toEqual([200, 409]);
    const plain = server.address.replace('https', 'http');
    expect(await statusOf({ authorization, origin: plain })).toEqual([403, 403]);
  });

  it('P9 says when nobody will trust it under the name that it gives', async () => {
    await bench.server({ token, tls: own, advertise: 'https://db1.example:7474', onNotice });
    expect(said).toEqual([
      expect.stringMatching(/for localhost, 127\.0\.0\.1 and not for db1\.example/),
    ]);
    const plain = bench.server({
      data: 'b',
      token,
      tls: own,
      advertise: 'http://db1.example:7474',
    });
    await expect(plain).rejects.toThrow(code('ADDRESS_INVALID'));
  });

  it('tells programs of this machine whose certificate to expect, also after it was replaced', async () => {
    const named = await makeCertificate(bench.folder, 'named', { names: 'DNS:db1.example' });
    const advertise = 'https://db1.example:7474';
    await bench.server({ token, tls: named, advertise, onNotice });
    expect((await serverFile())['serverName']).toBe('db1.example');
    await copyFile(own.key, named.key);
    await copyFile(own.cert, named.cert);
    await until('it is said', async () => (await serverFile())['serverName'] === undefined);
    expect(said.at(-1)).toMatch(/New connections use.*localhost|not for db1\.example/);
  });

  it('P14 sends its token to nobody in the clear, unless that is said in words', async () => {
    const fromBackup = 'http://192.0.2.1:1/v1/databases/x/backups/y';
    const { host } = await bench.server({ token, tls: own });
    await expect(host.create('copy', { fromBackup })).rejects.toThrow(code('TLS_REQUIRED'));
    const near = fromBackup.replace('192.0.2.1', '127.0.0.1');
    await expect(host.create('copy', { fromBackup: near })).rejects.toThrow(code('CONNECT_FAILED'));
    const words = { insecure: true, allowMaster: ['192.0.2.2'] };
    const other = await bench.server({ data: 'other', token, tls: own, ...words });
    const refused = other.host.create('copy', { fromBackup });
    await expect(refused).rejects.toThrow(code('ADDRESS_NOT_ALLOWED'));
  });

  it('P11 is not taken for dead by who does not trust it, or whom it does not trust', async () => {
    const mutual = { ...own, clientCa: own.cert };
    const server = await bench.server({ token, tls: mutual });
    const entry = { address: server.address, instance: null, since: null };
    for (const tls of [null, await trusting()]) {
      const peerNetwork = securedNetwork(env.network, { tls: () => tls });
      expect(await isHolderAlive('x', entry, { env, peerNetwork, token })).toBe(true);
    }
    await server.close();
    const peerNetwork = env.network;
    expect(await isHolderAlive('x', entry, { env, peerNetwork, token })).toBe(false);
  });
});

it('P14 a server that answers with a redirect gets an error, and the other place no visit', async () => {
  let visits = 0;
  const elsewhere = env.network.createHttpServer();
  elsewhere.server.on('connection', () => (visits += 1));
  const redirecting = env.network.createHttpServer();
  const portOf = async ({ server }: typeof elsewhere): Promise<number> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as { port: number }).port;
  };
  const location = `http://127.0.0.1:${await portOf(elsewhere)}/v1/databases`;
  redirecting.server.on('request', (_request, response) => {
    response.writeHead(307, { location });
    response.end();
  });
  try {
    const address = `http://127.0.0.1:${await portOf(redirecting)}`;
    const { clock, network } = env;
    const caller = new HttpCaller({ address, clock, network, token });
    for (const method of ['GET', 'POST'] as const) {
      const call = caller.call(
        { method, path: '/databases', body: method === 'GET' ? undefined : {} },
        listAnswer,
      );
      await expect(call).rejects.toMatchObject({
        code: 'MESSAGE_INVALID',
        message: expect.stringContaining('307') as string,
      });
    }
    expect(visits).toBe(0);
  } finally {
    await redirecting.close();
    await elsewhere.close();
  }
});
