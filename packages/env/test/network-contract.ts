// What every Network must do between two of its own ends.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type {
  Channel,
  CloseReason,
  HttpListener,
  Network,
  UpgradeHandler,
} from '../src/network.js';
import { deferred, fromBytes, text, until } from './until.js';

const mebibyte = 1024 * 1024;
const options = { messageBytesMax: 2 * mebibyte };

/** `listen` starts the listener and gives its `host:port`. */
export function networkContract(
  name: string,
  makeNetwork: () => Network,
  listen: (listener: HttpListener) => Promise<string>,
): void {
  describe(`network contract: ${name}`, () => {
    let network: Network;
    let listener: HttpListener;
    let address: string;

    beforeEach(async () => {
      network = makeNetwork();
      listener = network.createHttpServer();
      address = await listen(listener);
    });
    afterEach(() => listener.close());

    async function pair(path = '/'): Promise<{ near: Channel; far: Channel }> {
      const accepted = deferred<Channel>();
      listener.onUpgrade((_request, accept) => accepted.resolve(accept(options)));
      const near = await network.connect(`ws://${address}${path}`, options);
      return { near, far: await accepted.promise };
    }

    function closeOf(channel: Channel): Promise<CloseReason> {
      return new Promise((resolve) => channel.onClose(resolve));
    }

    describe('channels', () => {
      test('messages of all sizes arrive whole, in order and as plain bytes, both ways', async () => {
        const { near, far } = await pair();
        const sizes = [0, 1, 125, 126, 65_535, 65_536, 2 * mebibyte, 3];
        for (const [from, to] of [
          [near, far],
          [far, near],
        ] as const) {
          const received: Uint8Array[] = [];
          to.onMessage((bytes) => received.push(bytes));
          for (const size of sizes) from.send(new Uint8Array(size).fill(size & 0xff));
          await until('all messages are there', () => received.length === sizes.length);
          expect(received.map(({ length }) => length)).toEqual(sizes);
          for (const bytes of received) {
            expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
            expect(bytes.every((byte) => byte === (bytes.length & 0xff))).toBe(true);
          }
        }
      });

      test('what was sent before anybody listened is kept, and comes before the close', async () => {
        const { near, far } = await pair();
        near.send(text('one'));
        near.send(text('two'));
        near.close(4_001, 'done');
        const heard: string[] = [];
        far.onClose(({ code, message }) => heard.push(`${code} ${message}`));
        far.onMessage((bytes) => heard.push(fromBytes(bytes)));
        await until('the close is heard', () => heard.length >= 3);
        expect(heard).toEqual(['one', 'two', '4001 done']);
        expect(await closeOf(near)).toEqual({ code: 4_001, message: 'done' });
      });

      test('P13 a paused channel reads nothing: the sender sees its bytes wait; resume brings all', async () => {
        const { near, far } = await pair();
        let received = 0;
        far.onMessage((bytes) => {
          received += bytes.length;
          if (received === mebibyte) far.pause();
        });
        // More than sockets buffer on any usual machine.
        const messages = 48;
        for (let index = 0; index < messages; index += 1) near.send(new Uint8Array(mebibyte));
        await until('the first message is there', () => received === mebibyte);
        let isDrained = false;
        const drained = near.drained().then(() => (isDrained = true));
        near.send(text('x'));
        const echo = deferred<void>();
        near.onMessage(() => echo.resolve());
        far.send(text('still sending while paused'));
        await echo.promise;
        expect(received).toBe(mebibyte);
        expect(isDrained).toBe(false);
        expect(near.bufferedBytes).toBeGreaterThan(mebibyte);
        far.resume();
        await drained;
        expect(near.bufferedBytes).toBeLessThan(mebibyte);
        await until('all is there', () => received === messages * mebibyte + 1);
      });

      test('pausing inside the listener holds the very next message', async () => {
        const { near, far } = await pair();
        const received: string[] = [];
        far.onMessage((bytes) => {
          received.push(fromBytes(bytes));
          far.pause();
        });
        for (const message of ['a', 'b', 'c']) near.send(text(message));
        for (const count of [1, 2, 3]) {
          await until('one more is there', () => received.length >= count);
          expect(received).toHaveLength(count);
          far.resume();
        }
        expect(received).toEqual(['a', 'b', 'c']);
      });

      test('close hands code and message to both, once, also to a late listener', async () => {
        const { near, far } = await pair();
        far.onMessage(() => undefined);
        const farClose = closeOf(far);
        near.close(4_002, 'é'.repeat(100));
        near.close(4_003, 'too late');
        const reason = { code: 4_002, message: 'é'.repeat(61) };
        expect(await farClose).toEqual(reason);
        expect(await closeOf(near)).toEqual(reason);
        for (const channel of [near, far]) {
          channel.send(text('dropped'));
          expect(channel.bufferedBytes).toBe(0);
          await channel.drained();
          channel.pause();
          channel.resume();
          channel.close(1_000, '');
        }
      });

      test('a channel that was paused can still be closed by its owner', async () => {
        const { near, far } = await pair();
        far.onMessage(() => undefined);
        near.pause();
        far.send(text('never read'));
        near.close(1_000, 'bye');
        expect(await closeOf(far)).toEqual({ code: 1_000, message: 'bye' });
        expect(await closeOf(near)).toEqual({ code: 1_000, message: 'bye' });
      });

      test('P13 P14 a message over the limit closes with 1009 and is not handed on', async () => {
        const { near, far } = await pair();
        let received = 0;
        far.onMessage(() => (received += 1));
        near.onMessage(() => undefined);
        near.send(new Uint8Array(2 * mebibyte + 1));
        expect(await closeOf(far)).toMatchObject({ code: 1009 });
        expect(await closeOf(near)).toMatchObject({ code: 1009 });
        expect(received).toBe(0);
      });

      test('drained waits end when the channel does', async () => {
        const { near, far } = await pair();
        for (let index = 0; index < 48; index += 1) near.send(new Uint8Array(mebibyte));
        const drained = near.drained();
        await listener.close();
        await drained;
        far.onMessage(() => undefined);
        expect(await closeOf(far)).toMatchObject({ code: 1001 });
      });

      test('P13 abandon ends it at once: what the peer does not read is let go of', async () => {
        const { near, far } = await pair();
        far.pause();
        for (let index = 0; index < 48; index += 1) near.send(new Uint8Array(mebibyte));
        expect(near.bufferedBytes).toBeGreaterThan(mebibyte);
        const drained = near.drained();
        near.abandon(4_408, 'slow');
        expect(near.bufferedBytes).toBe(0);
        await drained;
        near.send(text('dropped'));
        expect(near.bufferedBytes).toBe(0);
        expect(await closeOf(near)).toEqual({ code: 4_408, message: 'slow' });
        far.onMessage(() => undefined);
        far.resume();
        expect(await closeOf(far)).toMatchObject({ code: 1006 });
      });

      test('abandon goes on where a goodbye got stuck, and does nothing to what is over', async () => {
        const { near, far } = await pair();
        far.pause();
        for (let index = 0; index < 48; index += 1) near.send(new Uint8Array(mebibyte));
        near.close(4_001, 'done');
        expect(near.bufferedBytes).toBeGreaterThan(mebibyte);
        near.abandon(4_408, 'slow');
        expect(near.bufferedBytes).toBe(0);
        near.abandon(4_409, 'again');
        expect(await closeOf(near)).toEqual({ code: 4_001, message: 'done' });
      });

      test('the handshake shows path, headers and address', async () => {
        let seen: Parameters<UpgradeHandler>[0] | null = null;
        listener.onUpgrade((request, accept) => {
          seen = request;
          accept(options);
        });
        await network.connect(`ws://${address}/v1/feed?x=1`, {
          ...options,
          headers: { Authorization: 'Bearer t' },
        });
        expect(seen).toMatchObject({
          url: '/v1/feed?x=1',
          headers: { authorization: 'Bearer t' },
          remoteAddress: expect.stringContaining('127.0.0.1') as string,
        });
      });

      test('P9 a refusal brings its status and text', async () => {
        listener.onUpgrade((_request, _accept, refuse) => refuse(403, '{"code":"NOT_PERMITTED"}'));
        await expect(network.connect(`ws://${address}/`, options)).rejects.toMatchObject({
          code: 'CONNECT_FAILED',
          context: { status: 403, body: '{"code":"NOT_PERMITTED"}' },
        });
      });

      test('only the first answer to a handshake counts', async () => {
        const second = deferred<Channel>();
        listener.onUpgrade((_request, accept, refuse) => {
          accept(options);
          refuse(403, 'too late');
          second.resolve(accept(options));
        });
        const near = await network.connect(`ws://${address}/`, options);
        expect(await closeOf(await second.promise)).toMatchObject({ code: 1006 });
        near.close(1_000, '');
      });

      test('no answer in time is CONNECT_FAILED, an abort its reason', async () => {
        const asked = deferred<void>();
        listener.onUpgrade(() => asked.resolve());
        const url = `ws://${address}/`;
        await expect(network.connect(url, { ...options, timeoutMs: 20 })).rejects.toMatchObject({
          code: 'CONNECT_FAILED',
          context: { url },
        });
        const controller = new AbortController();
        const reason = new Error('enough');
        const connecting = network.connect(url, { ...options, signal: controller.signal });
        await asked.promise;
        controller.abort(reason);
        await expect(connecting).rejects.toBe(reason);
        const late = network.connect(url, { ...options, signal: controller.signal });
        await expect(late).rejects.toBe(reason);
      });

      test('nobody there is CONNECT_FAILED, for channels and requests, now and after close', async () => {
        await listener.close();
        await expect(network.connect(`ws://${address}/`, options)).rejects.toMatchObject({
          code: 'CONNECT_FAILED',
        });
        await expect(network.request(`http://${address}/`)).rejects.toMatchObject({
          code: 'CONNECT_FAILED',
        });
      });
    });

    describe('requests', () => {
      test('status, headers and body come as sent, also for errors and redirects', async () => {
        listener.server.on('request', (request, response) => {
          response.writeHead(request.url === '/moved' ? 302 : 503, {
            Location: '/elsewhere',
            'X-Several': ['a', 'b'],
          });
          response.end(`${request.method} ${String(request.headers['x-mine'])}`);
        });
        const moved = await network.request(`http://${address}/moved`, {
          headers: { 'X-Mine': 'm' },
        });
        expect(moved.status).toBe(302);
        expect(moved.headers).toMatchObject({ location: '/elsewhere', 'x-several': 'a, b' });
        expect(fromBytes(await moved.bytes(100))).toBe('GET m');
        const gone = await network.request(`http://${address}/`, { method: 'DELETE' });
        expect(gone.status).toBe(503);
        expect(fromBytes(await gone.bytes(100))).toBe('DELETE undefined');
      });

      test('bodies go out from bytes and from a source, and come back as a stream', async () => {
        listener.server.on('request', (request, response) => request.pipe(response));
        async function* source(): AsyncGenerator<Uint8Array> {
          for (let index = 0; index < 20; index += 1) yield new Uint8Array(100_000).fill(index);
        }
        const url = `http://${address}/`;
        const small = await network.request(url, { method: 'PUT', body: text('small') });
        expect(fromBytes(await small.bytes(5))).toBe('small');
        const large = await network.request(url, { method: 'POST', body: source() });
        let bytes = 0;
        let sum = 0;
        for await (const part of large.stream()) {
          expect(Object.getPrototypeOf(part)).toBe(Uint8Array.prototype);
          bytes += part.length;
          for (const byte of part) sum += byte;
        }
        expect([bytes, sum]).toEqual([2_000_000, 100_000 * 190]);
      });

      test('P13 a body over the limit is RESPONSE_TOO_LARGE without reading it all', async () => {
        let isEnded = false;
        listener.server.on('request', (_request, response) => {
          response.on('close', () => (isEnded = true));
          const more = (): void => {
            while (!response.destroyed && response.write(new Uint8Array(65_536)));
          };
          response.on('drain', more);
          more();
        });
        const response = await network.request(`http://${address}/`);
        await expect(response.bytes(100_000)).rejects.toMatchObject({ code: 'RESPONSE_TOO_LARGE' });
        await until('the endless answer is ended', () => isEnded);
        const stopped = await network.request(`http://${address}/`);
        for await (const part of stopped.stream()) {
          expect(part.length).toBeGreaterThan(0);
          break;
        }
        const given = await network.request(`http://${address}/`);
        isEnded = false;
        given.cancel();
        await until('a cancelled answer is ended', () => isEnded);
      });

      test('P9 an answer that breaks off is an error and not a short body', async () => {
        listener.server.on('request', (request, response) => {
          if (request.url === '/length') response.setHeader('Content-Length', '100');
          response.write('only this', () => request.socket.destroy());
        });
        for (const path of ['/length', '/chunked']) {
          const response = await network.request(`http://${address}${path}`);
          await expect(response.bytes(1_000)).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
        }
      });

      test('waiting for headers ends in time; an abort gives its reason before and in the body', async () => {
        listener.server.on('request', (request, response) => {
          if (request.url === '/body') response.write('begun');
        });
        const url = `http://${address}`;
        await expect(network.request(`${url}/`, { timeoutMs: 20 })).rejects.toMatchObject({
          code: 'CONNECT_FAILED',
        });
        const reason = new Error('enough');
        const controller = new AbortController();
        const waiting = network.request(`${url}/`, { signal: controller.signal });
        const response = await network.request(`${url}/body`, { signal: controller.signal });
        const reading = response.bytes(100);
        controller.abort(reason);
        await expect(waiting).rejects.toBe(reason);
        await expect(reading).rejects.toBe(reason);
        await expect(network.request(`${url}/`, { signal: controller.signal })).rejects.toBe(
          reason,
        );
      });

      test('a failing source fails the request with its own error', async () => {
        listener.server.on('request', (request) => request.resume());
        const failure = new Error('the file is damaged');
        async function* source(): AsyncGenerator<Uint8Array> {
          yield text('begun');
          throw failure;
        }
        const sending = network.request(`http://${address}/`, { method: 'POST', body: source() });
        await expect(sending).rejects.toBe(failure);
      });

      test('a source is let go when the request ends without it', async () => {
        listener.server.on('request', (request, response) => {
          response.writeHead(403, { Connection: 'close' });
          response.end('no', () => request.socket.destroySoon());
        });
        let isLetGo = false;
        async function* source(): AsyncGenerator<Uint8Array> {
          try {
            for (;;) {
              yield new Uint8Array(1_000);
              await new Promise((resolve) => setImmediate(resolve));
            }
          } finally {
            isLetGo = true;
          }
        }
        const body = source();
        const sending = network.request(`http://${address}/`, { method: 'POST', body });
        await sending
          .then((response) => response.cancel())
          .catch((error: unknown) => {
            // The refusal and the break of the connection may overtake each other.
            expect(error).toMatchObject({ code: 'CONNECT_FAILED' });
          });
        await until('the source is let go', () => isLetGo);
      });

      test('an address that is none is CONNECT_FAILED and shows no password', async () => {
        for (const url of ['nonsense', 'file:///etc/passwd', 'ws://127.0.0.1/']) {
          await expect(network.request(url)).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
        }
        for (const url of [
          'nonsense',
          'http://127.0.0.1/',
          'ws://',
          'ws://u:secret@127.0.0.1:1/#x',
        ]) {
          const error: unknown = await network
            .connect(url, options)
            .catch((thrown: unknown) => thrown);
          expect(error).toMatchObject({ code: 'CONNECT_FAILED' });
          expect(JSON.stringify(error)).not.toContain('secret');
        }
      });
    });

    test('close ends requests under way and open channels, and can be called again', async () => {
      listener.server.on('request', (_request, response) => response.write('begun'));
      const { near } = await pair();
      near.onMessage(() => undefined);
      const response = await network.request(`http://${address}/`);
      const reading = response.bytes(100);
      const closing = listener.close();
      await expect(reading).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
      expect(await closeOf(near)).toEqual({ code: 1001, message: 'the server is closing' });
      await closing;
      await listener.close();
    });
  });
}
