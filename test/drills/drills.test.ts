// Every drill that `npm run drills` plays holds, prints its timeline and its figures.
import { describe, expect, it } from 'vitest';
import { drills } from '../../scripts/drills/all.js';
import { playDrill } from '../../scripts/drills/drill.js';

describe('P11 P16 the drill', () => {
  it.each(drills)('$name: $title', { timeout: 180_000 }, async (drill) => {
    const report = await playDrill(drill, () => undefined);
    expect(report.faults).toEqual([]);
    expect(report.events.length).toBeGreaterThan(0);
    expect(Object.keys(report.figures).length).toBeGreaterThan(0);
  });

  it('whose promise is broken is a fault, and so is one that ends with an error', async () => {
    const broken = await playDrill(
      {
        name: 'broken',
        title: 'a promise that does not hold',
        play: (telling) => Promise.resolve(telling.must([].length > 0, 'nothing is something')),
      },
      () => undefined,
    );
    expect(broken.faults).toEqual(['nothing is something']);
    const failed = await playDrill(
      { name: 'failed', title: 'it fails', play: () => Promise.reject(new Error('no server')) },
      () => undefined,
    );
    expect(failed.faults[0]).toContain('no server');
  });
});
