// The database of one round on a full disk, the ballast that takes its space, and the journal outside.
import { readFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../test/support/until.js';
import type { Image } from './image.js';
import { tryToRun } from './machine.js';
import type { Dice } from './program/dice.js';
import { newLedger, takeJournal, type JournalCount, type Ledger } from './program/ledger.js';
import type { Plan } from './program/workload.js';

/** What the ballast leaves: from almost nothing to some segments and tables. */
const leftBytesMin = 96 * 1024;
const leftBytesMax = 6 * 1024 * 1024;
const pieceBytesMin = 64 * 1024;
const pieceBytesMax = 64 * 1024 * 1024;
/** Nothing acknowledged for so long: all commits wait or are rejected. */
const standstillMs = 500;
const deadlineMs = 60_000;

export class FullPlace {
  readonly plan: Plan;
  readonly folder: string;
  readonly journal: string;
  ledger: Ledger;
  readonly #image: Image;
  readonly #dice: Dice;
  #ballast = 0;

  constructor(image: Image, plan: Plan, dice: Dice, journal: string) {
    this.#image = image;
    this.#dice = dice;
    this.plan = plan;
    this.journal = journal;
    this.folder = join(image.mount, 'orders');
    this.ledger = newLedger(plan.writers);
  }

  /** Leaves some bytes, while others may be taking them too. */
  takeSpace(): void {
    const leave = this.#dice.between(leftBytesMin, leftBytesMax);
    let piece = pieceBytesMax;
    while (piece >= pieceBytesMin) {
      const room = this.#freeBytes() - leave;
      if (room < pieceBytesMin) return;
      const bytes = Math.min(piece, room);
      const path = this.#ballastPath((this.#ballast += 1));
      const failure = tryToRun('fallocate', ['--length', String(bytes), path]);
      if (failure !== null) piece = Math.floor(bytes / 2);
    }
  }

  giveSpace(): void {
    for (; this.#ballast > 0; this.#ballast -= 1) {
      rmSync(this.#ballastPath(this.#ballast), { force: true });
    }
  }

  /** Resolves when so many more commits are acknowledged. */
  async progressed(count: number): Promise<void> {
    const enough = this.#acknowledged() + count;
    await until(`${enough} commits were acknowledged`, () => this.#acknowledged() >= enough, {
      deadlineMs,
      instead: () => String(this.#acknowledged()),
    });
  }

  /** Resolves when nothing was acknowledged for a while. */
  async stoodStill(): Promise<void> {
    let last = this.#acknowledged();
    let since = performance.now();
    await until(
      'commits came to a standstill',
      () => {
        const now = this.#acknowledged();
        if (now !== last) since = performance.now();
        last = now;
        return performance.now() - since >= standstillMs;
      },
      { deadlineMs },
    );
  }

  hasRejections(): boolean {
    return this.#text().includes(' rejected ');
  }

  /** Into the ledger, and away. */
  takeJournal(): JournalCount {
    const count = takeJournal(this.ledger, this.#text());
    rmSync(this.journal, { force: true });
    return count;
  }

  #acknowledged(): number {
    return this.#text().split(' acknowledged ').length - 1;
  }

  #text(): string {
    try {
      return readFileSync(this.journal, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  }

  #freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#image.mount);
    return bavail * bsize;
  }

  #ballastPath(number: number): string {
    return join(this.#image.mount, `ballast-${number}`);
  }
}
