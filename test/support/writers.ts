// The writers of a test: a process that commits to a served database and journals what was
// acknowledged, and the comparison of its journal with a database.
import { expect } from 'vitest';
import type { Administration } from '@pamina/wire';
import { helperProgram } from './helper-program.js';
import { readJournal } from './program/journal.js';
import { checkAgainstJournal, checkState } from './program/writer-rules.js';
import type { RunningProcess } from './running-process.js';
import type { Scene } from './scene.js';
import type { ServedFolder } from './served-folder.js';

export interface WriterOptions {
  readonly database: string;
  readonly writers?: number;
  readonly valueBytes?: number;
  /** Commits of each writer; without it they write until `finish()`. */
  readonly count?: number;
  readonly journal?: string;
  readonly token?: string;
}

export class Writers {
  readonly journal: string;
  readonly process: RunningProcess;

  constructor(scene: Scene, served: ServedFolder, options: WriterOptions) {
    const { database, writers = 4, valueBytes = 200, count, token } = options;
    this.journal = scene.path(options.journal ?? `journal-of-${database}`);
    const numbers = [String(writers), String(valueBytes), ...(count === undefined ? [] : [count])];
    this.process = scene.start(
      `writers of ${database}`,
      [
        helperProgram('write-remote'),
        served.address,
        database,
        this.journal,
        ...numbers.map(String),
      ],
      { env: token === undefined ? {} : { WRITER_TOKEN: token } },
    );
  }

  /** Commits acknowledged so far, of all writers. */
  acknowledged(): number {
    return readJournal(this.journal).length;
  }

  /** Ends them in order: nothing is under way afterwards. */
  async finish(): Promise<void> {
    expect(await this.process.finish(), this.process.describe()).toEqual({
      status: 0,
      signal: null,
    });
  }

  /** They have a count and reach it. */
  async ended(deadlineMs: number): Promise<void> {
    expect(await this.process.ended(deadlineMs), this.process.describe()).toEqual({
      status: 0,
      signal: null,
    });
  }
}

/** All entries, as a reader gets them in one consistent snapshot. */
async function entriesOf(
  administration: Pick<Administration, 'exportEntries'>,
  name: string,
): Promise<[string, string][]> {
  const entries: [string, string][] = [];
  for await (const { key, value } of administration.exportEntries(name)) entries.push([key, value]);
  return entries;
}

/** Every acknowledged commit is there, whole, and nothing else but what was under way. */
export async function expectAllAcknowledged(
  administration: Pick<Administration, 'exportEntries'>,
  name: string,
  journal: string,
): Promise<number> {
  // What is acknowledged by now must be in a snapshot that is taken later.
  const acknowledged = readJournal(journal);
  const entries = await entriesOf(administration, name);
  const { commits, faults } = checkAgainstJournal(entries, acknowledged, readJournal(journal));
  expect(faults).toEqual([]);
  expect(commits).toBeGreaterThanOrEqual(acknowledged.length);
  return commits;
}

/** No half commit and no gap, whatever was acknowledged. Returns the commits found. */
export async function expectWhole(
  administration: Pick<Administration, 'exportEntries'>,
  name: string,
): Promise<number> {
  const { commits, faults } = checkState(await entriesOf(administration, name));
  expect(faults).toEqual([]);
  return commits;
}
