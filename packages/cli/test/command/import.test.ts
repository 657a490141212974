import { nodeEnv } from '@pamina/env';
import type { Entry } from '@pamina/wire';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { each, fakeAdministration, runWith } from '../fake-administration.js';

let cwd: string;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pamina-import-'));
});

afterEach(async () => {
  await rm(cwd, { recursive: true });
});

function gathering() {
  const entries: Entry[] = [];
  const administration = fakeAdministration({
    importEntries: async (_name, source) => {
      for await (const entry of source) entries.push(entry);
      return { entries: entries.length, position: '1/9' };
    },
  });
  return { administration, entries };
}

const stdin = (...texts: string[]) => each(texts.map((text) => new TextEncoder().encode(text)));

it('stores each line under its key field', async () => {
  await writeFile(join(cwd, 'c.ndjson'), '{"id":1,"name":"a"}\n\n{"id":"2"}\r\n{"id":3.5}');
  const { administration, entries } = gathering();
  const ran = await runWith(administration, ['import', 'cities', 'c.ndjson', '--key', 'id'], {
    cwd,
  });
  expect(ran).toMatchObject({
    status: 0,
    out: 'Imported 3 entries into cities, position 1/9\n',
    err: '',
  });
  expect(entries).toEqual([
    { key: '1', value: '{"id":1,"name":"a"}' },
    { key: '2', value: '{"id":"2"}' },
    { key: '3.5', value: '{"id":3.5}' },
  ]);
});

it('reads stdin, also cut inside a character', async () => {
  const bytes = new TextEncoder().encode('{"k":"ключ","v":"x"}\n');
  const { administration, entries } = gathering();
  const pieces = each([bytes.subarray(0, 7), bytes.subarray(7, 8), bytes.subarray(8)]);
  const argv = ['import', 'cities', '-', '--key', 'k', '--value', 'v'];
  expect(await runWith(administration, argv, { stdin: pieces })).toMatchObject({ status: 0 });
  expect(entries).toEqual([{ key: 'ключ', value: 'x' }]);
});

it('loads what export prints', async () => {
  const { administration, entries } = gathering();
  const exported = '{"key":"a","value":"{\\"x\\":1}"}\n{"key":"b","value":""}\n';
  const argv = ['import', 'copy', '-', '--key', 'key', '--value', 'value', '--json'];
  const ran = await runWith(administration, argv, { stdin: stdin(exported) });
  expect(ran.objects).toEqual([{ entries: 2, position: '1/9' }]);
  expect(entries).toEqual([
    { key: 'a', value: '{"x":1}' },
    { key: 'b', value: '' },
  ]);
});

it.each([
  ['{"k":1}\n{"k":', 'line 2: not JSON'],
  ['\n\n[1]\n', 'line 3: not a JSON object'],
  ['null', 'line 1: not a JSON object'],
  ['{"j":1}', 'line 1: field "k" is missing'],
  ['{"k":""}', 'line 1: field "k" is empty'],
  ['{"k":null}', 'line 1: field "k" is neither text nor a number'],
  ['{"k":12345678901234567890}', 'line 1: field "k" is a number too large to be exact'],
])('P9 names the line in which %j is wrong', async (text, expected) => {
  const { administration } = gathering();
  const argv = ['import', 'cities', '-', '--key', 'k'];
  const ran = await runWith(administration, argv, { stdin: stdin(text) });
  expect(ran).toMatchObject({ status: 2, out: '' });
  expect(ran.err).toContain(`IMPORT_INVALID: stdin, ${expected}`);
});

it('P9 reports the wrong line also where the receiver only saw the stream break off', async () => {
  const administration = fakeAdministration({
    importEntries: async (_name, source) => {
      try {
        for await (const _entry of source);
      } catch (cause) {
        throw new Error('socket hang up', { cause });
      }
      throw new Error('unreachable');
    },
  });
  const argv = ['import', 'cities', '-', '--key', 'k'];
  const ran = await runWith(administration, argv, { stdin: stdin('oops') });
  expect(ran.err).toContain('IMPORT_INVALID: stdin, line 1: not JSON');
});

it('P9 a field of the prototype is no field of the object', async () => {
  const { administration } = gathering();
  const argv = ['import', 'cities', '-', '--key', 'constructor'];
  const ran = await runWith(administration, argv, { stdin: stdin('{}') });
  expect(ran.err).toContain('field "constructor" is missing');
});

it('P9 refuses what is not UTF-8', async () => {
  const { administration } = gathering();
  const bytes = each([new Uint8Array([0x7b, 0xff, 0x7d, 0x0a])]);
  const argv = ['import', 'cities', '-', '--key', 'k'];
  expect((await runWith(administration, argv, { stdin: bytes })).err).toContain(
    'line 1: not UTF-8',
  );
});

it('P13 refuses a line without end instead of gathering it', async () => {
  const piece = new Uint8Array(1024 * 1024).fill(0x20);
  let given = 0;
  const endless = (async function* () {
    for (; given < 1000; given += 1) yield await Promise.resolve(piece);
  })();
  const { administration } = gathering();
  const argv = ['import', 'cities', '-', '--key', 'k'];
  const ran = await runWith(administration, argv, { stdin: endless });
  expect(ran.err).toContain('line 1: longer than');
  expect(given).toBeLessThan(100);
});

it('P13 reads no faster than entries are taken', async () => {
  let given = 0;
  const source = (async function* () {
    for (; given < 50; given += 1) {
      yield await Promise.resolve(new TextEncoder().encode(`{"k":${given}}\n`));
    }
  })();
  let taken = 0;
  const administration = fakeAdministration({
    importEntries: async (_name, entries) => {
      for await (const _entry of entries) {
        expect(given - taken).toBeLessThanOrEqual(1);
        taken += 1;
      }
      return { entries: taken, position: '1/1' };
    },
  });
  await runWith(administration, ['import', 'x', '-', '--key', 'k'], { stdin: source });
  expect(taken).toBe(50);
});

it('P9 says that the file is not there', async () => {
  const { administration } = gathering();
  const ran = await runWith(administration, ['import', 'cities', 'no.ndjson', '--key', 'id'], {
    cwd,
    parts: { env: nodeEnv() },
  });
  expect(ran).toMatchObject({ status: 3 });
  expect(ran.err).toMatch(/^FILE_NOT_FOUND: /);
});
