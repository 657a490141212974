import type { Clock } from '@pamina/env';
import { expect, it } from 'vitest';
import { Output } from '../src/output.js';
import { ProgressDisplay } from '../src/progress.js';
import { Sink } from './fake-administration.js';

/** Time that passes only when told to. */
class HandClock implements Clock {
  #now = 0;
  #tasks: { at: number; task: () => void }[] = [];

  now = (): number => this.#now;
  monotonic = (): number => this.#now;
  soon = (task: () => void): void => queueMicrotask(task);
  sleep = (): Promise<void> => Promise.reject(new Error('nobody sleeps here'));

  after(ms: number, task: () => void): () => void {
    const entry = { at: this.#now + ms, task };
    this.#tasks.push(entry);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry);
    };
  }

  pass(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const [next] = this.#tasks.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#tasks = this.#tasks.filter((other) => other !== next);
      this.#now = next.at;
      next.task();
    }
    this.#now = until;
  }

  get waiting(): number {
    return this.#tasks.length;
  }
}

class Terminal extends Sink {
  readonly isTTY = true;
  readonly columns = 80;
  cursorTo = (): boolean => true;
  clearLine = (): boolean => true;
  moveCursor = (): boolean => true;
}

function display(options: { json?: boolean; stderr?: Sink } = {}) {
  const stderr = options.stderr ?? new Sink();
  const output = new Output(
    { stdout: new Sink(), stderr, env: {}, cwd: '/' },
    options.json ?? false,
  );
  const clock = new HandClock();
  return { shown: new ProgressDisplay(output, clock, 'Backup of cities'), clock, stderr };
}

const step = { step: 'copying', done: 5, total: 10, unit: 'entries' } as const;

it('what takes less than a second shows nothing', () => {
  const { shown, clock, stderr } = display();
  shown.report(step);
  clock.pass(900);
  shown.stop();
  clock.pass(5000);
  expect(stderr.text).toBe('');
  expect(clock.waiting).toBe(0);
});

it('prints one line a second where stderr is no terminal, however often it is reported', () => {
  const { shown, clock, stderr } = display();
  clock.pass(1000);
  for (let count = 0; count < 1000; count += 1) shown.report(step);
  clock.pass(2000);
  shown.stop();
  expect(stderr.text.split('\n')).toEqual([
    'Backup of cities: 1.0 s',
    'Backup of cities: copying, 5 of 10 entries (50 %), 2.0 s',
    'Backup of cities: copying, 5 of 10 entries (50 %), 3.0 s',
    '',
  ]);
});

it('prints one JSON object a second with --json', () => {
  const { shown, clock, stderr } = display({ json: true });
  shown.report(step);
  clock.pass(1000);
  shown.stop();
  expect(JSON.parse(stderr.text)).toEqual({
    progress: {
      title: 'Backup of cities',
      ...step,
      elapsedMs: 1000,
      perSecond: null,
      leftMs: null,
    },
  });
});

it('tells how fast it goes and how long it will take, as text and as JSON', () => {
  for (const json of [false, true]) {
    const { shown, clock, stderr } = display({ json });
    shown.report({ ...step, done: 1 });
    clock.pass(900);
    shown.report({ ...step, done: 4 });
    clock.pass(100);
    shown.stop();
    if (json) {
      expect(JSON.parse(stderr.text)).toMatchObject({ progress: { perSecond: 3, leftMs: 2000 } });
    } else {
      expect(stderr.text).toContain('4 of 10 entries (40 %), 3 entries/s, 2.0 s left, 1.0 s');
    }
  }
});

it('draws a bar on a terminal and wipes it off', () => {
  const { shown, clock, stderr } = display({ stderr: new Terminal() });
  shown.report(step);
  clock.pass(1000);
  expect(stderr.text).toContain('Backup of cities');
  expect(stderr.text).toContain('5 of 10 entries (50 %)');
  shown.stop();
  expect(clock.waiting).toBe(0);
});
