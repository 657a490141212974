// etcd: the contract against a real one, and what can become of it and of who uses it.

import { type ClientTls, nodeEnv, securedNetwork } from '@pamina/env';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  bytesOf,
  type CertificateFiles,
  hasOpenssl,
  makeCertificate,
} from '../../../test/support/certificates.js';
import { EtcdServer, isEtcdLacking } from '../../../test/support/etcd.js';
import { until } from '../../../test/support/until.js';
import { parseEtcdAddress } from '../src/etcd-address.js';
import { EtcdDirectory } from '../src/etcd-directory.js';
import { directoryContract } from './directory-contract.js';

const env = nodeEnv();
const dead = () => Promise.resolve(false);
const alive = () => Promise.resolve(true);
const here = 'http://127.0.0.1:7001';
const there = 'http://127.0.0.1:7002';

describe('an address of etcd', () => {
  it.each([
    ['etcd://a', ['http://a:2379'], 'pamina/'],
    ['etcd://a:1,b:2/shop', ['http://a:1', 'http://b:2'], 'shop/'],
    ['etcds://a/x/y/', ['https://a:2379'], 'x/y/'],
    ['etcd://[::1]:80', ['http://[::1]:80'], 'pamina/'],
    ['etcds://a:443', ['https://a:443'], 'pamina/'],
  ])('%s has members and a prefix', (text, endpoints, prefix) => {
    expect(parseEtcdAddress(text)).toEqual({ endpoints, prefix });
  });

  it.each(['etcd://', 'etcd://a b', 'etcd://a?x', 'etcd://a/x y', 'http://a', 'etcd://a:99999'])(
    '%s is none',
    (text) => {
      expect(() => parseEtcdAddress(text)).toThrow(
        expect.objectContaining({ code: 'ADDRESS_INVALID' }),
      );
    },
  );

  it('P14 with credentials is refused, and they are not shown', () => {
    expect(() => parseEtcdAddress('etcd://root:secret@a:1')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') as string }),
    );
  });
});

it('an etcd that is not there is told with its address', async () => {
  const directory = new EtcdDirectory({ env, address: 'etcd://127.0.0.1:9' });
  await expect(directory.resolve('orders')).rejects.toMatchObject({
    code: 'DIRECTORY_UNREACHABLE',
    message: expect.stringContaining('127.0.0.1:9') as string,
  });
  await expect(directory.register('orders', here, 'a', dead)).rejects.toMatchObject({
    code: 'DIRECTORY_UNREACHABLE',
  });
  await directory.close();
});

describe.skipIf(isEtcdLacking)('with etcd', () => {
  let etcd: EtcdServer;
  let prefixes = 0;
  let address = '';
  let prefix = '';
  const opened: EtcdDirectory[] = [];
  const open = (at = address): EtcdDirectory => {
    const directory = new EtcdDirectory({ env, address: at });
    opened.push(directory);
    return directory;
  };
  const freshPlace = (): void => {
    prefixes += 1;
    prefix = `test${prefixes}/`;
    address = `${etcd.address}/${prefix}`;
  };

  beforeAll(async () => {
    etcd = await EtcdServer.start();
  });
  afterAll(() => etcd.close());
  beforeEach(freshPlace);
  afterEach(async () => {
    for (const directory of opened.splice(0)) await directory.close();
  });

  directoryContract('etcd', () => {
    freshPlace();
    const [one, two] = [open(), open()];
    const close = async () => {
      await one.close();
      await two.close();
    };
    return Promise.resolve({ one, two, close });
  });

  it('P11 of two that take the name of a dead holder at once one has it', async () => {
    await open().register('orders', here, 'gone', dead);
    const rivals = ['a', 'b', 'c', 'd'].map((instance) => ({ instance, directory: open() }));
    const outcomes = await Promise.allSettled(
      rivals.map(({ directory, instance }) =>
        directory.register('orders', here, instance, async (holder) => {
          await Promise.resolve();
          return holder.instance !== 'gone';
        }),
      ),
    );
    const winners = outcomes.filter(({ status }) => status === 'fulfilled');
    expect(winners).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') {
        expect(outcome.reason).toMatchObject({ code: 'NAME_TAKEN' });
      }
    }
  });

  it('P11 the entry of a server that crashed stays, and its key of presence goes', async () => {
    const crashed = open();
    await crashed.register('orders', here, 'a', dead);
    expect(await etcd.keys(prefix)).toEqual([`${prefix}alive/orders/a`, `${prefix}names/orders`]);
    // As its lease ends when nobody renews it.
    await crashed.close();
    expect(await etcd.keys(prefix)).toEqual([`${prefix}names/orders`]);
    await expect(open().register('orders', there, 'b', alive)).rejects.toMatchObject({
      code: 'NAME_TAKEN',
    });
  });

  it('tells its listeners that a server is gone, and that it is back', async () => {
    const server = open();
    await server.register('orders', here, 'a', dead);
    let told = 0;
    open().onChange(() => (told += 1));
    await until('it watches', () => told > 0);
    let before = told;
    await server.close();
    await until('the end of the presence was told', () => told > before);
    before = told;
    await open().register('orders', here, 'a', dead);
    await until('the presence was told', () => told > before);
  });

  it('withdraws the entry and the presence in one step', async () => {
    const directory = open();
    await directory.register('orders', here, 'a', dead);
    expect(await directory.withdraw('orders', 'a')).toBe(true);
    expect(await etcd.keys(prefix)).toEqual([]);
  });

  it('P8 leaves out what is no entry, says so, and never writes over it', async () => {
    const directory = open();
    await directory.register('orders', here, 'a', dead);
    await etcd.write(`${prefix}names/broken`, '{ "address": 7 }');
    expect([...(await directory.list()).keys()]).toEqual(['orders']);
    expect(directory.problem).toMatchObject({ code: 'DIRECTORY_INVALID' });
    await expect(directory.register('broken', here, 'b', dead)).rejects.toMatchObject({
      code: 'DIRECTORY_INVALID',
    });
    await expect(directory.withdraw('broken', 'b')).rejects.toMatchObject({
      code: 'DIRECTORY_INVALID',
    });
    expect(await etcd.read(`${prefix}names/broken`)).toBe('{ "address": 7 }');
    expect(await directory.resolve('orders')).toMatchObject({ instance: 'a' });
    expect(directory.problem).toBeNull();
  });

  it('asks the next member where one does not answer', async () => {
    const directory = open(`etcd://127.0.0.1:9,${etcd.address.slice('etcd://'.length)}/${prefix}`);
    await directory.register('orders', here, 'a', dead);
    expect(await directory.resolve('orders')).toMatchObject({ instance: 'a' });
    expect(directory.problem).toBeNull();
  });

  it('while etcd is away what was read last is used and the problem told; it goes on when etcd is back', async () => {
    const directory = open();
    await directory.register('orders', here, 'a', dead);
    await directory.list();
    let told = 0;
    directory.onChange(() => (told += 1));
    await until('it watches', () => told > 0);
    await etcd.kill();
    expect(await directory.resolve('orders')).toMatchObject({ instance: 'a' });
    expect([...(await directory.list()).keys()]).toEqual(['orders']);
    expect(await directory.resolve('unknown')).toBeNull();
    expect(directory.problem).toMatchObject({ code: 'DIRECTORY_UNREACHABLE' });
    await expect(directory.withdraw('orders', 'a')).rejects.toMatchObject({
      code: 'DIRECTORY_UNREACHABLE',
    });
    await etcd.start();
    const before = told;
    await until('it watches again', () => told > before);
    await until('all is well', async () => {
      await directory.resolve('orders');
      return directory.problem === null;
    });
  });
});

describe.skipIf(isEtcdLacking || !hasOpenssl)('with etcd over TLS', () => {
  let folder: string;
  let etcd: EtcdServer;
  let authority: CertificateFiles;

  beforeAll(async () => {
    folder = await env.disk.temporaryFolder('pamina-etcd-tls-');
    authority = await makeCertificate(folder, 'authority', { isAuthority: true });
    const own = await makeCertificate(folder, 'etcd', { signer: authority });
    etcd = await EtcdServer.start({ ca: authority.cert, ...own });
  });
  afterAll(async () => {
    await etcd.close();
    await env.disk.removeTree(folder);
  });

  const open = (tls: ClientTls): EtcdDirectory => {
    const network = securedNetwork(env.network, { tls: () => tls });
    return new EtcdDirectory({ env: { ...env, network }, address: etcd.address });
  };

  it('P14 speaks to one whose certificate it trusts, and shows its own', async () => {
    const { cert: ca } = await bytesOf(authority);
    const mine = await makeCertificate(folder, 'server', { signer: authority });
    const directory = open({ ca, ...(await bytesOf(mine)) });
    await directory.register('orders', here, 'a', dead);
    expect(await directory.resolve('orders')).toMatchObject({ instance: 'a' });
    await directory.close();
  });

  it('P14 says nothing to one that it does not trust, and is not heard without a certificate', async () => {
    const stranger = await bytesOf(await makeCertificate(folder, 'stranger'));
    const { cert: ca } = await bytesOf(authority);
    for (const tls of [{ ca: stranger.cert }, { ca }, { ca, ...stranger }]) {
      const directory = open(tls);
      await expect(directory.resolve('orders')).rejects.toMatchObject({
        code: 'DIRECTORY_UNREACHABLE',
      });
      await directory.close();
    }
  });
});
