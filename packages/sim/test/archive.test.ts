// An archive in a folder of a simulated disk: the contract, and what power cuts leave of it.
import { openArchive, readObject, type Archive } from '@pamina/archive';
import { isPaminaError } from '@pamina/format';
import type { Env } from '@pamina/env';
import { describe, expect, test } from 'vitest';
import { archiveContract } from '../../archive/test/archive-contract.js';
import { createWorld } from '../src/world/world.js';
import { pump } from './world/pump.js';
import { seeds } from './world/text.js';

function open(env: Env, address: string): Promise<Archive> {
  return openArchive({ env, address, environment: {}, encryption: null, create: true });
}

describe('on a simulated disk', () => {
  const world = createWorld({ seed: 'archive' });
  const { env } = world.host('a');
  pump(world);
  let count = 0;
  archiveContract('simulated folder', () => {
    count++;
    return open(env, `/data/archive-${count}`);
  });
});

describe('power cuts', () => {
  test('P8 an object is there whole or not at all, and what was acknowledged is there', async () => {
    let whole = 0;
    let absent = 0;
    for (const seed of seeds(60)) {
      const world = createWorld({ seed });
      const host = world.host('a');
      const cutAt = 1 + world.random.fork('cut').fraction() * 12;
      const content = world.random.fork('content').bytes(30_000);
      const acknowledged = new Set<string>();
      const archive = await world.finish(open(host.env, '/data/archive'));
      let isOver = false;
      const put = async (): Promise<void> => {
        for (let at = 0; at < 5; at++) {
          await archive.putIfAbsent(`log/${at}`, content);
          acknowledged.add(`log/${at}`);
        }
      };
      // The process is gone with the power: its promises never settle.
      void put().then(
        () => (isOver = true),
        () => (isOver = true),
      );
      await world.run(() => isOver, cutAt);
      host.powerCut();
      host.start();
      const again = await world.finish(open(host.env, '/data/archive'));
      for (let at = 0; at < 5; at++) {
        const found = await world.finish(readOrNull(again, `log/${at}`));
        if (found === null) {
          absent++;
          expect(acknowledged.has(`log/${at}`)).toBe(false);
        } else {
          whole++;
          expect(Buffer.compare(found, content)).toBe(0);
        }
        // A second run finishes.
        await world.finish(again.putIfAbsent(`log/${at}`, content));
      }
      expect((await world.finish(again.list('log/'))).map(({ name }) => name)).toHaveLength(5);
    }
    expect(whole).toBeGreaterThan(0);
    expect(absent).toBeGreaterThan(0);
  });
});

async function readOrNull(archive: Archive, name: string): Promise<Uint8Array | null> {
  try {
    return await readObject(archive, name, 1e6);
  } catch (error) {
    if (isPaminaError(error, 'ARCHIVE_OBJECT_NOT_FOUND')) return null;
    throw error;
  }
}
