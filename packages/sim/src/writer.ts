// A client that commits: puts, deletes and batches of all sizes, one after the other or several at a
// time, each signed with its name so that a log tells whose it is.

import type { Durability, Operation } from '@pamina/engine';
import { isPaminaError, toPaminaError, type Position } from '@pamina/format';
import type { History, Write } from './history.js';
import { signaturePrefix } from './log-files.js';
import type { Plan } from './plan.js';
import { ProcessEnded, type Site } from './site.js';
import { bytesOf, textOf } from './text.js';
import type { Prng } from './world/prng.js';

export interface WriterOptions {
  readonly name: string;
  readonly plan: Plan;
  readonly random: Prng;
  readonly history: History;
  /** Whom to write to now; null while there is nobody. */
  readonly master: () => Site | null;
  readonly pause: (ms: number) => Promise<void>;
  readonly isStopped: () => boolean;
}

/** Whoever waits so long for replicas does not wait on. */
const patienceMs = 5000;
const hugeValueBytes = 1_300_000;
type Replicated = Exclude<Durability, string>;

const filler = bytesOf('abcdefghijklmnopqrstuvwxyz');

export class Writer {
  readonly #options: WriterOptions;
  #count = 0;
  #pending = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Commits that have no answer yet. */
  get pending(): number {
    return this.#pending;
  }

  async run(): Promise<void> {
    const { plan, random, pause, isStopped } = this.#options;
    const share = Math.ceil(plan.commitsMax / plan.writers);
    while (!isStopped() && this.#count < share) {
      await pause(plan.thinkMs * random.between(0.1, 2) + 0.5);
      const site = this.#options.master();
      if (site === null || !site.isOpen) {
        await pause(50);
        continue;
      }
      const burst = random.chance(0.2) ? 1 + random.below(6) : 1;
      await Promise.all(Array.from({ length: burst }, () => this.#commit(site)));
    }
  }

  async #commit(site: Site): Promise<void> {
    const { history, name } = this.#options;
    this.#count += 1;
    const commit = `${name}#${this.#count}`;
    const operations = this.#operations(commit);
    history.add({
      type: 'commit-invoked',
      database: site.name,
      commit,
      writer: name,
      writes: operations.map(writeOf),
    });
    this.#pending += 1;
    // It may be closed, or on another timeline, by the time of the answer.
    const timelineId = site.database?.timelines.at(-1)?.id ?? '';
    try {
      const durability = this.#durability();
      const position =
        durability === null
          ? await this.#send(site, operations)
          : await this.#sendReplicated(site, operations, durability);
      const seq = position?.seq ?? null;
      const database = site.name;
      const acknowledged = {
        type: 'commit-acknowledged',
        database,
        commit,
        timelineId,
        seq,
      } as const;
      // What degrades says so in the job log alone.
      const isReplicated = durability?.policy === 'wait';
      history.add(isReplicated ? { ...acknowledged, replicas: 1 } : acknowledged);
    } catch (error) {
      if (error instanceof ProcessEnded) {
        history.add({ type: 'commit-unknown', commit, code: 'CRASHED' });
        return;
      }
      const { code } = toPaminaError(error);
      const isUnknown =
        isPaminaError(error, 'COMMIT_UNKNOWN') || isPaminaError(error, 'REPLICAS_UNCONFIRMED');
      history.add({ type: isUnknown ? 'commit-unknown' : 'commit-rejected', commit, code });
    } finally {
      this.#pending -= 1;
    }
  }

  /** Null for a commit that waits for its master's disk alone. */
  #durability(): Replicated | null {
    const { plan, random } = this.#options;
    if (plan.replicatedPercent === 0 || !random.chance(plan.replicatedPercent / 100)) return null;
    const policy = random.chance(0.8) ? 'wait' : 'degrade';
    return { replicas: 1, policy, timeoutMs: 300 };
  }

  async #sendReplicated(
    site: Site,
    operations: readonly Operation[],
    durability: Replicated,
  ): Promise<Position> {
    const { database } = site;
    if (database === null) throw new ProcessEnded(site.name);
    const waiting = new AbortController();
    void this.#options.pause(patienceMs).then(() => waiting.abort());
    const { signal } = waiting;
    return site.wait(database.commit(operations, { durability, signal }));
  }

  /** The short ways for one put where there is only one; they do not tell the position. */
  async #send(site: Site, operations: readonly Operation[]): Promise<Position | null> {
    const { database } = site;
    if (database === null) throw new ProcessEnded(site.name);
    const [only] = operations;
    if (operations.length === 1 && only?.type === 'put' && this.#options.random.chance(0.7)) {
      await site.wait(database.put(only.key, only.value));
      return null;
    }
    return site.wait(database.commit(operations));
  }

  #operations(commit: string): Operation[] {
    const { random, name, plan } = this.#options;
    const signature: Operation = {
      type: 'put',
      key: `${signaturePrefix}${name}`,
      value: commit,
    };
    if (random.chance(0.15)) return [signature];
    if (random.chance(0.03)) {
      // As clear() does it: every key there can be.
      const all = Array.from({ length: plan.keys }, (_, index) => index);
      return [signature, ...all.map((index): Operation => ({ type: 'del', key: keyOf(index) }))];
    }
    const count = random.chance(0.3) ? 2 + random.below(8) : 1;
    const operations = Array.from({ length: count }, (_, index): Operation => {
      const key = keyOf(random.below(plan.keys));
      if (random.chance(0.25)) return { type: 'del', key };
      return { type: 'put', key, value: this.#value(`${commit}.${index}`) };
    });
    return random.chance(0.5) ? [signature, ...operations] : [...operations, signature];
  }

  /** Begins with `text`, so that no two values are equal. */
  #value(text: string): Uint8Array {
    const { random, plan } = this.#options;
    const start = bytesOf(text);
    const isHuge = plan.hasHugeCommits && random.chance(0.05);
    const extra = isHuge
      ? hugeValueBytes
      : random.pick([0, 0, 20, 200, plan.segmentBytes / 3, 5000]);
    const bytes = new Uint8Array(start.length + Math.floor(random.fraction() * extra));
    for (let at = start.length; at < bytes.length; at += filler.length) {
      bytes.set(filler.subarray(0, Math.min(filler.length, bytes.length - at)), at);
    }
    bytes.set(start);
    return bytes;
  }
}

/** Texts and raw bytes, in no helpful order. */
export function keyOf(index: number): Uint8Array {
  return index % 4 === 3 ? Uint8Array.of(255 - index, 0, index) : bytesOf(`k${index}`);
}

function writeOf(operation: Operation): Write {
  const key = shown(operation.key);
  return { key, value: operation.type === 'put' ? shown(operation.value) : null };
}

function shown(datum: string | Uint8Array): string {
  return textOf(typeof datum === 'string' ? bytesOf(datum) : datum);
}
