// TLS between real sockets: who is trusted, who is not, and certificates that are replaced meanwhile.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  bytesOf,
  type CertificateBytes,
  type CertificateFiles,
  hasOpenssl,
  makeCertificate,
} from '../../../../test/support/certificates.js';
import type { Channel, ClientTls, HttpListener, HttpServerOptions } from '../../src/network.js';
import { nodeNetwork } from '../../src/node/network.js';
import { securedNetwork } from '../../src/secured-network.js';
import { deferred, fromBytes, text } from '../until.js';

const channelOptions = { messageBytesMax: 1024 };
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** `127.0.0.1:port` of a server that answers each request with the name in its certificate's place. */
async function serving(
  options: HttpServerOptions,
): Promise<{ at: string; listener: HttpListener }> {
  const listener = nodeNetwork.createHttpServer(options);
  cleanups.push(() => listener.close());
  listener.server.on('request', (_request, response) => response.end('hello'));
  listener.onUpgrade((_request, accept) => {
    const channel = accept(channelOptions);
    channel.onMessage((bytes) => channel.send(bytes));
  });
  listener.server.listen(0, '127.0.0.1');
  await once(listener.server, 'listening');
  return { at: `127.0.0.1:${(listener.server.address() as net.AddressInfo).port}`, listener };
}

async function ask(at: string, tlsOptions?: ClientTls, method = 'GET'): Promise<string> {
  const response = await nodeNetwork.request(`https://${at}/`, { tls: tlsOptions, method });
  return fromBytes(await response.bytes(100));
}

function open(at: string, tlsOptions?: ClientTls): Promise<Channel> {
  return nodeNetwork.connect(`wss://${at}/`, { ...channelOptions, tls: tlsOptions });
}

async function echo(channel: Channel, message: string): Promise<string> {
  const heard = deferred<string>();
  channel.onMessage((bytes) => heard.resolve(fromBytes(bytes)));
  channel.send(text(message));
  return heard.promise;
}

/** The name in the certificate that is shown to who connects now. */
async function shownAt(at: string): Promise<string> {
  const port = Number(at.split(':')[1]);
  const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

describe.skipIf(!hasOpenssl)('TLS (needs openssl)', () => {
  let folder: string;
  let authorityFiles: CertificateFiles;
  let authority: CertificateBytes;
  let stranger: CertificateBytes;
  let server: CertificateBytes;
  let next: CertificateBytes;
  let client: CertificateBytes;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pamina-tls-'));
    authorityFiles = await makeCertificate(folder, 'authority', { isAuthority: true });
    const strangers = await makeCertificate(folder, 'strangers', { isAuthority: true });
    const signer = authorityFiles;
    authority = await bytesOf(authorityFiles);
    server = await bytesOf(await makeCertificate(folder, 'server', { signer }));
    next = await bytesOf(await makeCertificate(folder, 'next', { signer }));
    client = await bytesOf(
      await makeCertificate(folder, 'client', { signer, names: 'DNS:client' }),
    );
    stranger = await bytesOf(
      await makeCertificate(folder, 'stranger', { signer: strangers, names: 'DNS:client' }),
    );
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('requests and channels reach a server whose certificate is trusted', async () => {
    const { at } = await serving({ tls: server });
    const trusting = { ca: authority.cert };
    expect(await ask(at, trusting)).toBe('hello');
    expect(await ask(at, trusting, 'POST')).toBe('hello');
    const channel = await open(at, trusting);
    expect(await echo(channel, 'papageno')).toBe('papageno');
    channel.close(1_000, '');
  });

  test('P14 nothing is sent to a server that cannot prove who it is', async () => {
    const { at, listener } = await serving({ tls: server });
    let requests = 0;
    listener.server.on('request', () => (requests += 1));
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    cleanups.push(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
    const untrusted = [undefined, {}, { ca: stranger.cert }];
    for (const one of untrusted) {
      const refused = { code: 'TLS_FAILED', hint: expect.stringContaining('--tls-ca') as string };
      await expect(ask(at, one)).rejects.toMatchObject(refused);
      await expect(ask(at, one, 'POST')).rejects.toMatchObject(refused);
      await expect(open(at, one)).rejects.toMatchObject(refused);
    }
    expect(requests).toBe(0);
  });

  test('P14 a certificate of another host is refused, unless that host is who is meant', async () => {
    const signer = authorityFiles;
    const named = await makeCertificate(folder, 'elsewhere', { signer, names: 'DNS:db1.example' });
    const { at } = await serving({ tls: await bytesOf(named) });
    const ca = authority.cert;
    const wrong = { code: 'TLS_FAILED', context: { reason: 'ERR_TLS_CERT_ALTNAME_INVALID' } };
    for (const one of [{ ca }, { ca, serverName: 'db2.example' }, { ca, serverName: '10.0.0.1' }]) {
      await expect(ask(at, one)).rejects.toMatchObject(wrong);
      await expect(open(at, one)).rejects.toMatchObject(wrong);
    }
    const meant = { ca, serverName: 'db1.example' };
    expect(await ask(at, meant)).toBe('hello');
    (await open(at, meant)).close(1_000, '');
    // The connection that was kept for the name is none for the address.
    await expect(ask(at, { ca })).rejects.toMatchObject(wrong);
  });

  test('P9 what speaks no TLS, and what speaks only TLS, is told apart from nobody there', async () => {
    const secure = await serving({ tls: server });
    const plain = await serving({});
    await expect(ask(plain.at, { ca: authority.cert })).rejects.toMatchObject({
      code: 'TLS_FAILED',
      hint: expect.stringContaining('http://') as string,
    });
    await expect(open(plain.at, { ca: authority.cert })).rejects.toMatchObject({
      code: 'TLS_FAILED',
    });
    await expect(nodeNetwork.request(`http://${secure.at}/`)).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
    });
    await plain.listener.close();
    const nobody: unknown = await ask(plain.at, { ca: authority.cert }).catch(
      (error: unknown) => error,
    );
    expect(nobody).toMatchObject({ code: 'CONNECT_FAILED' });
    expect(nobody).not.toHaveProperty('context.isCut');
  });

  test('P14 versions before TLS 1.2 are not spoken', async () => {
    const { at } = await serving({ tls: server });
    const port = Number(at.split(':')[1]);
    const old = tls.connect({
      ...{ host: '127.0.0.1', port, rejectUnauthorized: false },
      ...{ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    } as tls.ConnectionOptions);
    const [error] = (await once(old, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toMatch(/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|ECONNRESET/);
  });

  test('P14 mutual TLS lets in only clients with a certificate that was signed for it', async () => {
    const { at, listener } = await serving({ tls: { ...server, clientCa: authority.cert } });
    let requests = 0;
    listener.server.on('request', () => (requests += 1));
    const ca = authority.cert;
    for (const one of [{ ca }, { ca, ...stranger }]) {
      for (const call of [() => ask(at, one), () => ask(at, one, 'POST'), () => open(at, one)]) {
        const error: unknown = await call().catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({
          code: expect.stringMatching(/^(TLS_FAILED|CONNECT_FAILED)$/) as string,
          hint: expect.stringContaining('--tls-cert') as string,
        });
      }
    }
    expect(requests).toBe(0);
    expect(await ask(at, { ca, ...client })).toBe('hello');
    (await open(at, { ca, ...client })).close(1_000, '');
  });

  test('a certificate is replaced under open connections; only new ones see it', async () => {
    const { at, listener } = await serving({ tls: server });
    const trusting = { ca: authority.cert };
    const channel = await open(at, trusting);
    let isClosed = false;
    channel.onClose(() => (isClosed = true));
    expect(await shownAt(at)).toBe('server');
    listener.setTls(next);
    expect(await shownAt(at)).toBe('next');
    expect(await echo(channel, 'still here')).toBe('still here');
    expect(await ask(at, trusting)).toBe('hello');
    // A key of another certificate, and what is none: the one of before stays.
    const bad = [
      { cert: server.cert, key: next.key },
      { cert: text('nonsense'), key: server.key },
    ];
    for (const one of bad) {
      expect(() => listener.setTls(one)).toThrow(expect.objectContaining({ code: 'TLS_INVALID' }));
    }
    expect(() => listener.setTls({ ...server, clientCa: authority.cert })).toThrow(TypeError);
    expect(await shownAt(at)).toBe('next');
    expect(isClosed).toBe(false);
    channel.close(1_000, '');
  });

  test('P14 who may sign for clients is replaced too, and no session of before gets in', async () => {
    const { at, listener } = await serving({ tls: { ...server, clientCa: authority.cert } });
    const known = { ca: authority.cert, ...client };
    expect(await ask(at, known)).toBe('hello');
    listener.setTls({ ...server, clientCa: stranger.cert });
    // The kept connection may go on; a new one that resumes its session may not.
    await expect(ask(at, known, 'POST')).rejects.toMatchObject({
      hint: expect.stringContaining('--tls-cert') as string,
    });
  });

  test('TLS_INVALID for certificates that are none, at the first call or the first listener', async () => {
    const bad = { cert: server.cert, key: next.key };
    const invalid = expect.objectContaining({ code: 'TLS_INVALID' }) as unknown;
    expect(() => nodeNetwork.createHttpServer({ tls: bad })).toThrow(invalid);
    await expect(ask('127.0.0.1:1', bad)).rejects.toEqual(invalid);
    await expect(
      open('127.0.0.1:1', { ca: server.cert, key: server.key, cert: next.cert }),
    ).rejects.toEqual(invalid);
  });

  test('P14 a handshake that is never finished is ended in time', async () => {
    const { at } = await serving({ tls: server, limits: { handshakeTimeoutMs: 30 } });
    const socket = net.connect({ host: '127.0.0.1', port: Number(at.split(':')[1]) });
    socket.on('error', () => undefined);
    socket.resume();
    await once(socket, 'close');
  });

  test('a secured network brings its certificates to each call, those of that moment', async () => {
    const { at } = await serving({ tls: { ...server, clientCa: authority.cert } });
    let own: ClientTls | null = null;
    const network = securedNetwork(nodeNetwork, {
      tls: () => own,
      check: (url) => {
        if (url.includes('forbidden')) throw new Error('not there');
      },
    });
    const url = `https://${at}/`;
    await expect(network.request(url)).rejects.toMatchObject({ code: 'TLS_FAILED' });
    own = { ca: authority.cert, ...client };
    const response = await network.request(url);
    expect(fromBytes(await response.bytes(100))).toBe('hello');
    const channel = await network.connect(`wss://${at}/`, channelOptions);
    channel.close(1_000, '');
    await expect(network.request(`${url}forbidden`)).rejects.toThrow('not there');
    await expect(network.connect(`wss://${at}/forbidden`, channelOptions)).rejects.toThrow(
      'not there',
    );
  });
});
