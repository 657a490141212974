// Writers under a drill: they commit by the name of the database, wherever it is served, remember what was
// acknowledged and when, and try again elsewhere when they are refused.
import { readFile } from 'node:fs/promises';
import { RemoteAdministration } from '@pamina/client';
import { nodeEnv } from '@pamina/env';
import { isPaminaError } from '@pamina/format';
import type { Scene } from '../../test/support/scene.js';
import { until } from '../../test/support/until.js';
import { deadlineMs } from './places.js';

const env = nodeEnv();
const retryMs = 20;
const requestMs = 2000;

export interface LoadOptions {
  readonly writers?: number;
  readonly valueBytes?: number;
  readonly token?: string | undefined;
}

export class Load {
  /** Keys in the order of acknowledgement. */
  readonly acknowledged: string[] = [];
  readonly refusals = new Map<string, number>();
  readonly #scene: Scene;
  readonly #database: string;
  readonly #token: string | undefined;
  readonly #padding: string;
  readonly #ending = new AbortController();
  readonly #writers: Promise<void>[];
  readonly #administrations = new Map<string, RemoteAdministration>();
  #lastAt = performance.now();
  #gapMs = 0;
  #number = 0;

  constructor(scene: Scene, database: string, options: LoadOptions = {}) {
    const { token, valueBytes = 0, writers = 4 } = options;
    this.#scene = scene;
    this.#database = database;
    this.#token = token;
    this.#padding = 'x'.repeat(valueBytes);
    this.#writers = Array.from({ length: writers }, () => this.#write());
    // A drill that fails half-way has writers still.
    scene.atEnd(() => this.end());
  }

  /** The longest time without an acknowledgement so far. */
  get longestGapMs(): number {
    return Math.round(Math.max(this.#gapMs, performance.now() - this.#lastAt));
  }

  /** What came before is not counted. */
  resetGap(): void {
    this.#gapMs = 0;
    this.#lastAt = performance.now();
  }

  /** Until so many more commits are acknowledged. */
  async more(count: number): Promise<void> {
    const target = this.acknowledged.length + count;
    await until(
      `${count} more commits were acknowledged`,
      () => this.acknowledged.length >= target,
      {
        deadlineMs,
        instead: () => JSON.stringify([...this.refusals]),
      },
    );
  }

  async end(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#writers);
    await Promise.all([...this.#administrations.values()].map((one) => one.close()));
  }

  async #write(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      const key = `key-${String((this.#number += 1)).padStart(8, '0')}`;
      try {
        const administration = await this.#find();
        await administration.put(this.#database, key, `${key}${this.#padding}`);
        const now = performance.now();
        this.#gapMs = Math.max(this.#gapMs, now - this.#lastAt);
        this.#lastAt = now;
        this.acknowledged.push(key);
      } catch (error) {
        if (!isPaminaError(error)) throw error;
        this.refusals.set(error.code, (this.refusals.get(error.code) ?? 0) + 1);
        await new Promise((resolve) => setTimeout(resolve, retryMs));
      }
    }
  }

  async #find(): Promise<RemoteAdministration> {
    const text = await readFile(this.#scene.path('directory.json'), 'utf8');
    const entries = JSON.parse(text) as Record<string, { address?: string } | undefined>;
    const address = entries[this.#database]?.address ?? 'http://127.0.0.1:1';
    let administration = this.#administrations.get(address);
    if (administration === undefined) {
      const token = this.#token;
      administration = new RemoteAdministration({ env, address, token, timeoutMs: requestMs });
      this.#administrations.set(address, administration);
    }
    return administration;
  }
}

/** Which of the keys are not there. */
export async function missingOf(
  administration: RemoteAdministration,
  name: string,
  keys: readonly string[],
): Promise<string[]> {
  const there = new Set<string>();
  for await (const { key } of administration.exportEntries(name)) there.add(key);
  return keys.filter((key) => !there.has(key));
}
