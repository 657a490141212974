// What a power cut leaves of a simulated disk: all that was synced, and anything of what was not.

import { describe, expect, test } from 'vitest';
import type { DiskFile } from '@pamina/env';
import type { Host } from '../../src/world/host.js';
import { createWorld } from '../../src/world/world.js';
import type { World } from '../../src/world/world.js';
import { bytes, seeds, textOf } from './text.js';

interface Scene {
  readonly world: World;
  readonly host: Host;
  /** Runs it to its end. */
  do<T>(work: () => Promise<T>): Promise<T>;
}

function scene(seed: string): Scene {
  const world = createWorld({ seed });
  const host = world.host('a');
  host.disk.settings.rates.writeBack = 0;
  return { world, host, do: (work) => world.finish(work()) };
}

/** The file, its name and `content` on the medium, open for more. */
async function syncedFile({ host }: Scene, path: string, content: Uint8Array): Promise<DiskFile> {
  const file = await host.env.disk.open(path, 'create');
  await file.write(content, 0);
  await file.datasync();
  await host.env.disk.syncFolder('/data');
  return file;
}

/** What each seed gives, as a set of texts. */
async function outcomes(
  count: number,
  run: (scene: Scene) => Promise<string | null>,
): Promise<Set<string | null>> {
  const found = new Set<string | null>();
  for (const seed of seeds(count)) found.add(await run(scene(seed)));
  return found;
}

describe('data', () => {
  test('what was synced survives every cut, and every later one', async () => {
    for (const seed of seeds(30)) {
      const a = scene(seed);
      const content = a.world.random.fork('content').bytes(20_000);
      await a.do(() => syncedFile(a, '/data/file', content));
      for (let cut = 0; cut < 3; cut += 1) {
        a.host.powerCut();
        a.host.start();
        const found = await a.do(() => a.host.env.disk.readFile('/data/file'));
        expect(Buffer.compare(found, content)).toBe(0);
      }
    }
  });

  test('of writes that were not synced any sectors arrive, in any order, with zeros between', async () => {
    const found = await outcomes(120, async (a) => {
      await a.do(async () => {
        const file = await syncedFile(a, '/data/file', bytes('0'));
        for (let page = 0; page < 3; page += 1) {
          await file.write(new Uint8Array(4096).fill(49), page * 4096);
        }
      });
      a.host.powerCut();
      const left = a.host.disk.durableBytes('/data/file') ?? new Uint8Array(0);
      const pages: string[] = [];
      for (let at = 0; at < left.length; at += 4096) {
        const page = left.subarray(at, at + 4096);
        const isWhole = page.length === 4096 && page.every((byte) => byte === 49);
        pages.push(isWhole ? '1' : page.some((byte) => byte === 49) ? 't' : '0');
      }
      return pages.join('');
    });
    // Nothing, all, a beginning, only the end, and torn inside a page.
    for (const outcome of ['0', '111', '100']) expect(found).toContain(outcome);
    expect([...found].some((outcome) => /^0.*1$/.test(outcome ?? ''))).toBe(true);
    expect([...found].some((outcome) => outcome?.includes('t'))).toBe(true);
  });

  test('a file that was written anew in place may be a mixture of old and new', async () => {
    const found = await outcomes(60, async (a) => {
      await a.do(async () => {
        const file = await syncedFile(a, '/data/file', new Uint8Array(8192).fill(48));
        await file.write(new Uint8Array(8192).fill(49), 0);
      });
      a.host.powerCut();
      const left = textOf(a.host.disk.durableBytes('/data/file')) ?? '';
      return `${left[0]}${left[8191]}`;
    });
    expect(found).toEqual(new Set(['00', '01', '10', '11']));
  });

  test('a cut that was not synced is undone or not, and never brings back bytes that were cut off', async () => {
    const found = await outcomes(80, async (a) => {
      await a.do(async () => {
        const file = await syncedFile(a, '/data/file', bytes('abcdef'));
        await file.truncate(2);
        await file.write(bytes('x'), 4);
      });
      a.host.powerCut();
      return textOf(a.host.disk.durableBytes('/data/file'));
    });
    expect(found).toContain('abcdef');
    expect(found).toContain('ab');
    expect(found).toContain('ab\0\0x');
    expect(found).not.toContain('abcdx');
    expect(found).not.toContain('abcdxf');
  });

  test('a sync covers what was written before it began and nothing later', async () => {
    const found = await outcomes(60, async (a) => {
      const file = await a.do(() => syncedFile(a, '/data/file', bytes('0')));
      await a.do(() => file.write(bytes('1'), 0));
      await a.do(() => Promise.all([file.datasync(), file.write(bytes('2'), 0)]));
      a.host.powerCut();
      return textOf(a.host.disk.durableBytes('/data/file'));
    });
    expect(found).toEqual(new Set(['1', '2']));
  });

  test('a sync that the cut interrupts may have happened or not', async () => {
    const found = await outcomes(60, async (a) => {
      const file = await a.do(() => syncedFile(a, '/data/file', bytes('0')));
      await a.do(() => file.write(bytes('1'), 0));
      let isDone = false;
      void file.datasync().then(() => (isDone = true));
      a.host.powerCut();
      await a.world.settle(1_000);
      expect(isDone).toBe(false);
      return textOf(a.host.disk.durableBytes('/data/file'));
    });
    expect(found).toEqual(new Set(['0', '1']));
  });

  test('a write that a kill interrupts is there in whole pages, or whole, or not', async () => {
    const found = await outcomes(60, async (a) => {
      const file = await a.do(() => a.host.env.disk.open('/data/file', 'create'));
      await a.do(() => file.write(bytes('0'), 0));
      void file.write(new Uint8Array(10_000).fill(49), 1_000);
      a.host.kill();
      return String(a.host.disk.cachedBytes('/data/file')?.length);
    });
    expect(found).toEqual(new Set(['1', '4096', '8192', '11000']));
  });

  test('a killed process leaves the cache as it was', async () => {
    const a = scene('kill');
    await a.do(async () => {
      const file = await a.host.env.disk.open('/data/file', 'create');
      await file.write(bytes('not synced'), 0);
    });
    a.host.kill();
    expect(a.host.disk.durableBytes('/data/file')).toBeNull();
    const { disk } = a.host.start();
    expect(textOf(await a.do(() => disk.readFile('/data/file')))).toBe('not synced');
  });
});

describe('names', () => {
  test('a new file is there for sure only after its folder was synced', async () => {
    const found = await outcomes(40, async (a) => {
      await a.do(async () => {
        const file = await a.host.env.disk.open('/data/file', 'create');
        await file.write(bytes('x'), 0);
        await file.sync();
      });
      a.host.powerCut();
      return textOf(a.host.disk.durableBytes('/data/file'));
    });
    expect(found).toEqual(new Set([null, 'x']));
    const kept = await outcomes(40, async (a) => {
      a.host.disk.settings.doesFileSyncKeepName = true;
      await a.do(async () => {
        const file = await a.host.env.disk.open('/data/file', 'create');
        await file.sync();
      });
      a.host.powerCut();
      return textOf(a.host.disk.durableBytes('/data/file'));
    });
    expect(kept).toEqual(new Set(['']));
  });

  test('a removal may be undone until its folder was synced', async () => {
    const run = (isSynced: boolean) => async (a: Scene) => {
      await a.do(async () => {
        await syncedFile(a, '/data/file', bytes('x'));
        await a.host.env.disk.remove('/data/file');
        if (isSynced) await a.host.env.disk.syncFolder('/data');
      });
      a.host.powerCut();
      return textOf(a.host.disk.durableBytes('/data/file'));
    };
    expect(await outcomes(40, run(false))).toEqual(new Set([null, 'x']));
    expect(await outcomes(40, run(true))).toEqual(new Set([null]));
  });

  test('P8 replaceFile, createFile and rename leave the old or the new, wherever the power goes', async () => {
    const found = await outcomes(300, async (a) => {
      await a.do(async () => {
        await a.host.env.disk.createFile('/data/file', bytes('old'));
        await a.host.env.disk.makeFolder('/data/from');
        await a.host.env.disk.createFile('/data/from/inner', bytes('moved'));
      });
      const { disk } = a.host.env;
      let done = '';
      void disk
        .replaceFile('/data/file', bytes('new'))
        .then(() => (done += 'r'))
        .then(() => disk.createFile('/data/second', bytes('second')))
        .then(() => (done += 'c'))
        .then(() => disk.rename('/data/from', '/data/to'))
        .then(() => (done += 'm'));
      await a.world.settle(a.world.random.fork('when').between(0, 20));
      a.host.powerCut();
      const left = (name: string): string | null =>
        textOf(a.host.disk.durableBytes(`/data/${name}`));
      expect(done.includes('r') ? ['new'] : ['old', 'new']).toContain(left('file'));
      expect(done.includes('c') ? ['second'] : [null, 'second']).toContain(left('second'));
      const moved = [left('from/inner'), left('to/inner')].filter((text) => text !== null);
      expect(moved).toEqual(['moved']);
      if (done.includes('m')) expect(left('to/inner')).toBe('moved');
      return done;
    });
    expect(found).toEqual(new Set(['', 'r', 'rc', 'rcm']));
  });
});
