// `power`: real power failures on real file systems. The database is in an image that is shut down with
// nothing flushed; the journal is outside of it.
import { join } from 'node:path';
import { Campaign, Figures, type Cut, type Phase } from './campaign.js';
import { Image } from './image.js';
import { compile, lackingCompiler, lackingFor, run } from './machine.js';
import { Dice } from './program/dice.js';
import type { Plant } from './program/plants.js';
import type { NotRun, Progress, Report } from './report.js';
import { Workplace } from './workplace.js';
import { Crew, type Writer } from './writers.js';

export type PowerFileSystem = 'ext4' | 'xfs';
export const powerFileSystems: readonly PowerFileSystem[] = ['ext4', 'xfs'];

export interface PowerOptions {
  /** Over all file systems. */
  readonly cuts: number;
  readonly fileSystems: readonly PowerFileSystem[];
  readonly seed: number;
  readonly plant: Plant | null;
  readonly progress: Progress;
}

/** Then a new image with a new database: an image does not grow. */
const cutsPerImage = 25;
/** How much of what was not synced reaches the disk before the cut, of a thousand pages. */
const writtenBackChoices = [0, 0, 100, 500, 900] as const;
const noticedShare = 0.25;
const noticingMsMax = 15;

/** Why it cannot run here on this file system; null if it can. */
export function lackingForPower(fileSystem: PowerFileSystem): string | null {
  return lackingFor(fileSystem) ?? lackingCompiler();
}

export async function power(options: PowerOptions): Promise<Report> {
  const started = performance.now();
  const figures = new Figures();
  const notRun: NotRun[] = [];
  const workplace = await Workplace.open();
  // What a process that is killed leaves there goes with the rest.
  const crew = new Crew({ TMPDIR: workplace.folder });
  try {
    for (const fileSystem of options.fileSystems) {
      const why = lackingForPower(fileSystem);
      if (why === null) await cutOn(fileSystem, { ...options, workplace, crew, figures });
      else notRun.push({ what: `power on ${fileSystem}`, why });
    }
  } finally {
    await crew.close();
    await workplace.close();
  }
  const seconds = (performance.now() - started) / 1000;
  const { seed } = options;
  const { faults } = figures;
  return { torture: 'power', seed, seconds, figures: figures.table(), faults, notRun };
}

interface Site extends PowerOptions {
  readonly workplace: Workplace;
  readonly crew: Crew;
  readonly figures: Figures;
}

async function cutOn(fileSystem: PowerFileSystem, site: Site): Promise<void> {
  const { crew, figures, plant, progress, seed, workplace } = site;
  const cutter = workplace.path('power-cut');
  compile('./power-cut.c', cutter);
  const cuts = Math.ceil(site.cuts / site.fileSystems.length);
  const dice = new Dice(seed, fileSystem === 'ext4' ? 1 : 2);
  for (let done = 0; done < cuts; done += cutsPerImage) {
    const image = Image.make(workplace, fileSystem);
    const campaign = new Campaign({
      crew,
      dice,
      folder: join(image.mount, 'orders'),
      journal: workplace.path('journal'),
      plant,
      figures,
    });
    await campaign.start();
    let isSound = true;
    const last = Math.min(done + cutsPerImage, cuts);
    for (let cut = done + 1; isSound && cut <= last; cut += 1) {
      const where = `${fileSystem}, cut ${cut}`;
      isSound = await campaign.cycle(where, (phase) => powerCut(phase, dice, image, cutter));
      progress(`${where} of ${cuts}, ${figures.acknowledged} commits acknowledged`);
    }
    if (isSound) await campaign.finish(`${fileSystem}, after cut ${last}`);
    await crew.killTaken();
    image.remove();
    if (!isSound) return;
  }
}

function powerCut(phase: Phase, dice: Dice, image: Image, cutter: string): Cut {
  const writtenBack = String(dice.pick(writtenBackChoices));
  const seed = String(dice.below(2 ** 31));
  // A writer that is opening checks what it reads: it must not see the file system die.
  const mayNotice = phase !== 'opening' && phase !== 'creating' && phase !== 'restoring';
  const isNoticed = mayNotice && dice.fraction() < noticedShare;
  const noticingMs = dice.fraction() * noticingMsMax;
  const strike = async ({ process }: Writer): Promise<void> => {
    if (!isNoticed) await process.kill('SIGKILL');
    run(cutter, [image.mount, seed, writtenBack]);
    if (isNoticed) {
      await new Promise((resolve) => setTimeout(resolve, noticingMs));
      await process.kill('SIGKILL');
    }
    image.unmount();
    image.mountAgain();
  };
  const seen = isNoticed ? `, alive for ${noticingMs.toFixed(0)} ms more` : '';
  return { strike, isNoticed, how: `, ${writtenBack} of 1000 pages written back${seen}` };
}
