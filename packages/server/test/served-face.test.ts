// A program that serves its databases and uses them itself, through the interface of `level`.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Workbench } from './workbench.js';

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

describe('a database of a server in the same process', () => {
  it('is read and written through the interface of level and over HTTP alike', async () => {
    const server = await bench.server({});
    await server.host.create('orders');
    const orders = server.open<string, { sum: number }>('orders', { valueEncoding: 'json' });
    await orders.put('1', { sum: 3 });
    expect(await server.host.get('orders', '1')).toBe('{"sum":3}');
    await server.host.put('orders', '2', '{"sum":4}');
    expect(await orders.get('2')).toEqual({ sum: 4 });
    expect(orders.database).toBe(server.host.database('orders'));
  });

  it('stays open when its face is closed, and refuses through the face once it is offline', async () => {
    const server = await bench.server({});
    await server.host.create('orders');
    const orders = server.open('orders');
    await orders.put('1', 'one');
    await orders.close();
    expect(await server.host.get('orders', '1')).toBe('one');
    const again = server.open('orders');
    await again.open();
    await server.host.stop('orders');
    await expect(again.put('2', 'two')).rejects.toThrow(
      expect.objectContaining({ code: 'DATABASE_CLOSED' }),
    );
    await expect(again.get('1')).rejects.toThrow(
      expect.objectContaining({ code: 'DATABASE_CLOSED' }),
    );
    expect(() => server.open('orders')).toThrow(
      expect.objectContaining({ code: 'DATABASE_OFFLINE' }),
    );
  });
});
