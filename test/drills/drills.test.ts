// Every drill that `npm run drills` plays holds, prints its timeline and its figures: in each way in which
// this machine can play it. For the others it is listed as not run.
import { describe, expect, it } from 'vitest';
import { drills } from '../../scripts/drills/all.js';
import { anywhere, type Drill, playDrill } from '../../scripts/drills/drill.js';

const quietly = (): void => undefined;

describe('P11 P16 the drill', () => {
  for (const drill of drills) {
    for (const way of drill.ways) {
      const by = drill.ways.length === 1 ? '' : `, with ${way.name}`;
      it.skipIf(way.lacking() !== null)(
        `${drill.name}${by}: ${drill.title}`,
        { timeout: 540_000 },
        async () => {
          const report = await playDrill(drill, quietly, way);
          expect(report.faults).toEqual([]);
          expect(report.way).toBe(way.name);
          expect(report.events.length).toBeGreaterThan(0);
          expect(Object.keys(report.figures).length).toBeGreaterThan(0);
        },
      );
    }
  }

  const named = (name: string, ways: Drill['ways']): Drill => ({ name, title: name, ways });

  it('whose promise is broken is a fault, and so is one that ends with an error', async () => {
    const breaks = anywhere((telling) =>
      Promise.resolve(telling.must([].length > 0, 'nothing is something')),
    );
    const broken = await playDrill(named('broken', breaks), quietly);
    expect(broken.faults).toEqual(['nothing is something']);
    const fails = anywhere(() => Promise.reject(new Error('no server')));
    const failed = await playDrill(named('failed', fails), quietly);
    expect(failed.faults[0]).toContain('no server');
  });

  it('is played in the best way that can be had, and says what is lacking for a better one', async () => {
    const play = (): Promise<void> => Promise.resolve();
    const best = { name: 'best', lacking: () => 'only root may', play };
    const good = { name: 'good', lacking: () => null, play };
    const lacking = [{ way: 'best', why: 'only root may' }];
    expect(await playDrill(named('one', [best, good]), quietly)).toMatchObject({
      way: 'good',
      lacking,
    });
    const none = await playDrill(named('two', [best]), quietly);
    expect(none).toMatchObject({ way: null, lacking, events: [], faults: [] });
  });
});
