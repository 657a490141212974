// The flat file: the contract, and what a file can suffer that other directories cannot.

import { nodeEnv } from '@pamina/env';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileDirectory } from '../src/file-directory.js';
import { directoryContract } from './directory-contract.js';

const env = nodeEnv();
const dead = () => Promise.resolve(false);
const here = 'http://127.0.0.1:7001';
const text = (content: string) => new TextEncoder().encode(content);

directoryContract('a file', async () => {
  const folder = await env.disk.temporaryFolder('pamina-directory-');
  const path = join(folder, 'directory.json');
  const one = new FileDirectory({ env, path });
  const two = new FileDirectory({ env, path });
  const close = async () => {
    await one.close();
    await two.close();
    await env.disk.removeTree(folder);
  };
  return { one, two, close };
});

describe('a directory file', () => {
  let folder: string;
  let path: string;
  let directory: FileDirectory;
  const problemCode = () => directory.problem?.code;

  beforeEach(async () => {
    folder = await env.disk.temporaryFolder('pamina-directory-');
    path = join(folder, 'deep', 'directory.json');
    directory = new FileDirectory({ env, path });
  });
  afterEach(async () => {
    await directory.close();
    await env.disk.removeTree(folder);
  });

  it('P8 keeps the last valid content while the file is half written, and says so', async () => {
    await directory.register('orders', here, 'a', dead);
    const whole = await env.disk.readFile(path);
    await env.disk.replaceFile(path, whole.subarray(0, whole.length - 20));
    expect(await directory.resolve('orders')).toMatchObject({ address: here });
    expect(directory.problem).toMatchObject({ code: 'DIRECTORY_INVALID' });
    await env.disk.replaceFile(path, whole);
    expect(await directory.resolve('orders')).toMatchObject({ address: here });
    expect(directory.problem).toBeNull();
  });

  it('never writes over a file that is not valid', async () => {
    await directory.register('orders', here, 'a', dead);
    await env.disk.replaceFile(path, text('{ "orders": { "address": '));
    for (const change of [
      () => directory.register('other', here, 'b', dead),
      () => directory.withdraw('orders', 'a'),
    ]) {
      await expect(change()).rejects.toMatchObject({ code: 'DIRECTORY_INVALID' });
    }
    expect(await env.disk.readFile(path)).toEqual(text('{ "orders": { "address": '));
    expect(problemCode()).toBe('DIRECTORY_INVALID');
  });

  it('P9 says what is wrong in a file that a person edited', async () => {
    const cases: [string, RegExp][] = [
      ['', /not JSON/],
      ['[]', /not an object/],
      ['{"a b": {"address": "http://h:1"}}', /a b/],
      ['{"__proto__": {"address": "http://h:1"}}', /__proto__/],
      ['{"a": "http://h:1"}', /"a": not an object/],
      ['{"a": {}}', /"a": no address/],
      ['{"a": {"address": "h:1"}}', /"a": .*not an address/],
      ['{"a": {"address": "http://h:1", "instance": 3}}', /instance/],
      ['{"a": {"address": "http://h:1", "since": "x"}}', /since/],
      ['{"a": {"address": "http://h:1", "since": 1e300}}', /since/],
    ];
    for (const [content, message] of cases) {
      await env.disk.makeFolder(join(folder, 'deep'));
      await env.disk.replaceFile(path, text(content));
      const error: unknown = await directory.list().catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'DIRECTORY_INVALID' });
      expect(String(error)).toMatch(message);
      expect(String(error)).toContain(path);
    }
  });

  it('P15 refuses a version that it does not know and leaves it unchanged', async () => {
    const content = text('{"$version": 2, "a": {"address": "http://h:1"}}');
    await env.disk.makeFolder(join(folder, 'deep'));
    await env.disk.replaceFile(path, content);
    await expect(directory.register('b', here, 'b', dead)).rejects.toMatchObject({
      code: 'DIRECTORY_INVALID',
    });
    expect(await env.disk.readFile(path)).toEqual(content);
  });

  it('reads entries that a person wrote with an address only', async () => {
    await env.disk.makeFolder(join(folder, 'deep'));
    await env.disk.replaceFile(path, text('{"a": {"address": "http://HOST:80/"}}'));
    expect(await directory.resolve('a')).toEqual({
      address: 'http://host',
      instance: null,
      since: null,
    });
  });

  it('P13 refuses a file beyond its size limit without reading it', async () => {
    await env.disk.makeFolder(join(folder, 'deep'));
    await env.disk.replaceFile(path, new Uint8Array(9 * 1024 * 1024));
    await expect(directory.list()).rejects.toMatchObject({ code: 'DIRECTORY_INVALID' });
  });

  it('stops telling after it was told to stop, and after close', async () => {
    let told = 0;
    const stop = directory.onChange(() => (told += 1));
    stop();
    await directory.close();
    await directory.register('orders', here, 'a', dead);
    expect(told).toBe(0);
    expect(() => directory.onChange(() => undefined)).toThrow(/closed/);
  });
});
