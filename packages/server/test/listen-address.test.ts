import { describe, expect, it } from 'vitest';
import {
  addressOf,
  isLoopbackAddress,
  isLoopbackHost,
  parseListen,
} from '../src/listen-address.js';

describe('P14 where to listen', () => {
  it.each([
    ['127.0.0.1:7474', '127.0.0.1', 7474],
    ['7474', '127.0.0.1', 7474],
    ['localhost:0', '127.0.0.1', 0],
    ['LocalHost:1', '127.0.0.1', 1],
    ['127.8.9.10:1', '127.8.9.10', 1],
    ['[::1]:1', '::1', 1],
    ['[0:0:0:0:0:0:0:1]:1', '::1', 1],
    ['[::ffff:127.0.0.1]:1', '::ffff:7f00:1', 1],
    // spellings that resolvers understand: what is listened on is what was judged
    ['127.1:1', '127.0.0.1', 1],
    ['2130706433:1', '127.0.0.1', 1],
    ['0x7f.1:1', '127.0.0.1', 1],
  ])('%s is loopback', (text, host, port) => {
    expect(parseListen(text)).toEqual({ host, port, isLoopback: true });
  });

  it.each([
    ['0.0.0.0:1', '0.0.0.0'],
    ['[::]:1', '::'],
    [':1', '::'],
    ['*:1', '::'],
    ['0:1', '0.0.0.0'],
    ['192.168.0.1:1', '192.168.0.1'],
    ['[::ffff:10.0.0.1]:1', '::ffff:a00:1'],
    ['[::ffff:0.0.0.0]:1', '::ffff:0:0'],
    ['example.org:1', 'example.org'],
    // a name is not loopback, whatever it resolves to
    ['localhost.localdomain:1', 'localhost.localdomain'],
    ['ip6-localhost:1', 'ip6-localhost'],
    ['localhost.:1', 'localhost.'],
  ])('%s can be reached by others', (text, host) => {
    expect(parseListen(text)).toEqual({ host, port: 1, isLoopback: false });
  });

  it.each(['', 'x', ':', 'x:', 'x:y', '::1:7474', '127.0.0.1:65536', '127.0.0.1:-1', 'a b:1'])(
    '%j is refused',
    (text) => {
      expect(() => parseListen(text)).toThrow(expect.objectContaining({ code: 'ADDRESS_INVALID' }));
    },
  );

  it('knows what the system bound', () => {
    expect(isLoopbackAddress('127.0.0.1')).toBe(true);
    expect(isLoopbackAddress('::1')).toBe(true);
    expect(isLoopbackAddress('::ffff:127.0.0.1')).toBe(true);
    expect(isLoopbackAddress('::')).toBe(false);
    expect(isLoopbackAddress('0.0.0.0')).toBe(false);
    expect(isLoopbackHost('127.0.0.1@evil.example')).toBe(false);
  });

  it('writes addresses that can be read again', () => {
    expect(addressOf('127.0.0.1', 1)).toBe('http://127.0.0.1:1');
    expect(addressOf('::1', 1)).toBe('http://[::1]:1');
  });
});
