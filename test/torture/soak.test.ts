// P2, P3, P8 and P10 over a while: writers, backups of all kinds, expiry and an archive, and restores to
// any record in between that must give exactly what was committed up to it.
import { expect, it } from 'vitest';
import { SoakModel, differenceOf } from '../../scripts/torture/soak-model.js';
import { soak } from '../../scripts/torture/soak.js';
import { reportText } from '../../scripts/torture/report.js';

const timeout = 600_000;
const progress = (): void => undefined;

it(
  'P2 P3 P8 P10 for two minutes every restore, from backups and from the archive, holds exactly its record',
  { timeout },
  async () => {
    const report = await soak({ seconds: 120, drillSeconds: 10, seed: 20_241_124, progress });
    expect(report.faults, reportText(report)).toEqual([]);
    const { own, archive } = report.figures['restore drills'] as Record<string, number>;
    expect(own).toBeGreaterThan(2);
    expect(archive).toBe(own);
    expect(report.figures['entries compared']).toBeGreaterThan(1000);
    expect(report.figures['records replayed']).toBeGreaterThan(0);
  },
);

it('a restore that lacks one entry is found', { timeout }, async () => {
  const report = await soak({ seconds: 5, drillSeconds: 1, seed: 1, isSpoiled: true, progress });
  expect(report.faults.map(({ what }) => what).join('\n')).toMatch(/is missing/);
});

it('the model knows the state after each record, deletions and second keys included', () => {
  const model = new SoakModel(1);
  const state = new Map<string, string>();
  for (let seq = 1; seq <= 6000; seq++) {
    for (const { type, key, value } of model.next(0)) {
      if (type === 'put') state.set(key, value);
      else state.delete(key);
    }
    model.acknowledged(0, seq);
    if (seq % 500 === 0) expect(differenceOf(state, model.stateAt(seq))).toBeNull();
  }
  expect(model.stateAt(1).size).toBe(1);
  expect(differenceOf(model.stateAt(6000), model.stateAt(5999))).not.toBeNull();
});
