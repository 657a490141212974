// `kill`: one database whose process is killed with SIGKILL again and again.
import { Campaign, Figures, type Cut } from './campaign.js';
import { Dice } from './program/dice.js';
import type { Plant } from './program/plants.js';
import type { Progress, Report } from './report.js';
import { Workplace } from './workplace.js';
import { Crew } from './writers.js';

export interface KillOptions {
  readonly cycles: number;
  readonly seed: number;
  readonly plant: Plant | null;
  readonly progress: Progress;
}

const cut: Cut = {
  isNoticed: false,
  how: '',
  strike: async ({ process }) => void (await process.kill('SIGKILL')),
};

export async function kill(options: KillOptions): Promise<Report> {
  const { cycles, seed, plant, progress } = options;
  const started = performance.now();
  const workplace = await Workplace.open();
  // What a process that is killed leaves there goes with the rest.
  const crew = new Crew({ TMPDIR: workplace.folder });
  const figures = new Figures();
  try {
    const campaign = new Campaign({
      crew,
      dice: new Dice(seed),
      folder: workplace.path('orders'),
      journal: workplace.path('journal'),
      plant,
      figures,
    });
    await campaign.start();
    let isSound = true;
    for (let cycle = 1; isSound && cycle <= cycles; cycle += 1) {
      isSound = await campaign.cycle(`kill ${cycle}`, () => cut);
      progress(`kill ${cycle} of ${cycles}, ${figures.acknowledged} commits acknowledged`);
    }
    if (isSound) await campaign.finish('at the end');
  } finally {
    await crew.close();
    await workplace.close();
  }
  const seconds = (performance.now() - started) / 1000;
  const { faults } = figures;
  return { torture: 'kill', seed, seconds, figures: figures.table(), faults, notRun: [] };
}
