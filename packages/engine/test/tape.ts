// As much of tape's interface, on top of vitest, as the suite needs that abstract-level publishes:
// plans, subtests, teardowns and callback style. Every assertion is counted, so that a suite that
// asserts nothing is noticed.
import assert from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test as vitestTest } from 'vitest';

type Body = (t: TapeTest) => unknown;
type Validator = ((error: unknown) => unknown) | RegExp | undefined;

/** A test that neither ends nor meets its plan is told after this time. */
const timeoutMs = 20_000;

class TapeTest {
  readonly name: string;
  /** Those of its subtests included. */
  assertions = 0;
  #own = 0;
  readonly #failures: Error[] = [];
  readonly #subtests: { readonly name: string; readonly body: Body }[] = [];
  readonly #teardowns: (() => unknown)[] = [];
  readonly #finished: Promise<void>;
  #finish!: () => void;
  #planned: number | null = null;
  #subtestsSeen = 0;
  #isEnded = false;

  constructor(name: string) {
    this.name = name;
    this.#finished = new Promise((resolve) => (this.#finish = resolve));
  }

  plan(count: number): void {
    this.#planned = count;
    this.#endIfPlanIsMet();
  }

  end(error?: unknown): void {
    if (error !== undefined && error !== null) this.#failures.push(asError(error));
    if (this.#isEnded) this.#failures.push(new Error(`${this.name}: end() was called twice`));
    this.#isEnded = true;
    this.#finish();
  }

  test(name: string, body: Body): void {
    this.#subtests.push({ name, body });
    this.#subtestsSeen++;
    this.#endIfPlanIsMet();
  }

  teardown(task: () => unknown): void {
    this.#teardowns.push(task);
  }

  ok(value: unknown, message?: string): void {
    this.#assert(() => assert.ok(value, message));
  }

  notOk(value: unknown, message?: string): void {
    this.#assert(() => assert.ok(!value, message));
  }

  is(actual: unknown, expected: unknown, message?: string): void {
    this.#assert(() => assert.strictEqual(actual, expected, message));
  }

  isNot(actual: unknown, expected: unknown, message?: string): void {
    this.#assert(() => assert.notStrictEqual(actual, expected, message));
  }

  same(actual: unknown, expected: unknown, message?: string): void {
    this.#assert(() => assert.deepStrictEqual(actual, expected, message));
  }

  pass(): void {
    this.#assert(() => undefined);
  }

  fail(error?: Error | string): void {
    this.#assert(() => assert.fail(error ?? 'fail() was called'));
  }

  throws(task: () => unknown, validator?: Validator, message?: string): void {
    this.#assert(() => assert.throws(task, validator as assert.AssertPredicate, message));
  }

  doesNotThrow(task: () => unknown, message?: string): void {
    this.#assert(() => assert.doesNotThrow(task, message));
  }

  /** Runs the body and its subtests. Returns the number of assertions; throws the first failure. */
  async run(body: Body): Promise<number> {
    try {
      await this.#runBody(body);
      for (const { name, body: subBody } of this.#subtests) {
        this.assertions += await new TapeTest(`${this.name} > ${name}`).run(subBody);
      }
    } finally {
      for (const task of this.#teardowns) await task();
    }
    if (this.#failures.length > 0) throw this.#failures[0];
    if (this.#planned !== null) expect(this.#counted, this.name).toBe(this.#planned);
    return this.assertions;
  }

  /** An async body ends when it resolves, unless a plan says that more is to come. */
  async #runBody(body: Body): Promise<void> {
    const result = body(this);
    if (result instanceof Promise) {
      await result;
      if (this.#planned === null || this.#counted >= this.#planned) return;
    }
    await this.#withinTime(this.#finished);
  }

  async #withinTime(finished: Promise<void>): Promise<void> {
    const stop = new AbortController();
    const late = sleep(timeoutMs, null, { signal: stop.signal }).then(() => {
      const counted = `${this.#counted} of ${this.#planned ?? 'unplanned'} assertions`;
      throw this.#failures[0] ?? new Error(`${this.name}: ${counted}`);
    });
    try {
      await Promise.race([finished, late]);
    } finally {
      late.catch(() => {
        // Stopped on the next line, or lost the race.
      });
      stop.abort();
    }
  }

  /** What counts towards the plan, as in tape: own assertions, and a subtest as one. */
  get #counted(): number {
    return this.#own + this.#subtestsSeen;
  }

  #assert(check: () => void): void {
    this.#own++;
    this.assertions++;
    try {
      check();
    } catch (error) {
      this.#failures.push(asError(error));
    }
    this.#endIfPlanIsMet();
  }

  #endIfPlanIsMet(): void {
    if (this.#planned !== null && this.#counted >= this.#planned) this.#finish();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

let assertions = 0;

/** Of all tests that have run in this file. */
export function assertionsSoFar(): number {
  return assertions;
}

export function test(name: string, body: Body): void {
  vitestTest(name, async () => {
    assertions += await new TapeTest(name).run(body);
  });
}
