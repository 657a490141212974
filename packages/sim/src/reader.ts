// A client that reads: single keys and whole states, on the master and on replicas.

import { toPaminaError } from '@pamina/format';
import type { History } from './history.js';
import { ProcessEnded, type Site } from './site.js';
import { textOf } from './text.js';
import type { Prng } from './world/prng.js';
import { keyOf } from './writer.js';

export interface ReaderOptions {
  readonly name: string;
  readonly keys: number;
  readonly random: Prng;
  readonly history: History;
  readonly site: Site;
  readonly pause: (ms: number) => Promise<void>;
  readonly isStopped: () => boolean;
}

/** Ends when the others do. */
export async function readAlong(options: ReaderOptions): Promise<void> {
  const { random, pause, isStopped, site } = options;
  for (let count = 1; !isStopped(); count++) {
    await pause(random.pick([2, 20, 90]) * random.between(0.2, 1.5));
    if (site.isOpen) await readOnce(options, `${options.name}#${count}`);
  }
}

async function readOnce(options: ReaderOptions, read: string): Promise<void> {
  const { history, random, site, keys } = options;
  const isWhole = random.chance(0.3);
  history.add({ type: 'read-invoked', database: site.name, read });
  try {
    const found = isWhole ? await readAll(site) : await readKey(site, keyOf(random.below(keys)));
    history.add({ type: 'read-answered', database: site.name, read, found, isWhole });
  } catch (error) {
    const code = error instanceof ProcessEnded ? 'CRASHED' : toPaminaError(error).code;
    history.add({ type: 'read-failed', read, code });
  }
}

async function readKey(site: Site, key: Uint8Array): Promise<Map<string, string | null>> {
  const value = await site.wait(databaseOf(site).get(key));
  return new Map([[textOf(key), value === undefined ? null : textOf(value)]]);
}

async function readAll(site: Site): Promise<Map<string, string | null>> {
  const found = new Map<string, string | null>();
  const entries = databaseOf(site).entries();
  for (;;) {
    const step = await site.wait(entries.next());
    if (step.done === true) return found;
    found.set(textOf(step.value[0]), textOf(step.value[1]));
  }
}

function databaseOf(site: Site): NonNullable<Site['database']> {
  if (site.database === null) throw new ProcessEnded(site.name);
  return site.database;
}
