// Who keeps the seat of a replica when two connections claim it.
import type { Clock } from '@pamina/env';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FeedSeat, FeedSeats, judgeRival } from '../src/feed-seats.js';
import { rivalProofMs, rivalWaitMs } from '../src/replication-limits.js';
import { env } from './pair.js';

/** Time passes when it is told to. */
class Time {
  nowMs = 0;
  #tasks: { at: number; task: () => void }[] = [];
  readonly clock: Clock = {
    ...env.clock,
    monotonic: () => this.nowMs,
    after: (ms, task) => {
      const entry = { at: this.nowMs + ms, task };
      this.#tasks.push(entry);
      return () => {
        this.#tasks = this.#tasks.filter((one) => one !== entry);
      };
    },
  };

  async pass(ms: number): Promise<void> {
    const end = this.nowMs + ms;
    await settled();
    for (;;) {
      const [next] = this.#tasks.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.nowMs = next.at;
      this.#tasks = this.#tasks.filter((one) => one !== next);
      next.task();
      await settled();
    }
    this.nowMs = end;
  }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const original = { replica: 'copy', instance: '01'.repeat(16), run: 'aa'.repeat(8) };
const clone = { ...original, run: 'bb'.repeat(8) };

function scene() {
  const time = new Time();
  const seats = new FeedSeats(time.clock);
  const ended: string[] = [];
  const seat = (who: string) => new FeedSeat(seats, time.clock, () => ended.push(who));
  return { time, ended, seat };
}

describe('seats', () => {
  it('the same run that comes again takes over at once: its connection before is dead', async () => {
    const { ended, seat } = scene();
    expect(await seat('first').take(original)).toBeNull();
    expect(await seat('second').take(original)).toBeNull();
    expect(ended).toEqual(['first']);
  });

  it('P10 a copied folder is refused when the first one is heard of again, which goes on', async () => {
    const { time, ended, seat } = scene();
    const first = seat('first');
    await first.take(original);
    const taken = seat('copy').take(clone);
    await time.pass(rivalProofMs + 1);
    first.heard();
    await time.pass(1000);
    expect(await taken).toMatchObject({
      code: 'REPLICA_CLONED',
      message: expect.stringContaining('one of the two folders is a copy') as unknown,
    });
    expect(ended).toEqual([]);
  });

  it('P10 a copied folder is refused when the channel of an idle first one has stayed open', async () => {
    const { time, ended, seat } = scene();
    await seat('first').take(original);
    const taken = seat('copy').take(clone);
    await time.pass(rivalWaitMs);
    expect(await taken).toMatchObject({ code: 'REPLICA_CLONED' });
    expect(ended).toEqual([]);
  });

  it('P16 a process that was started again sits as soon as the dead connection of the one before is closed', async () => {
    const { time, seat } = scene();
    const first = seat('first');
    await first.take(original);
    let outcome: unknown = 'waiting';
    const second = seat('second');
    void second.take(clone).then((refusal) => (outcome = refusal));
    await time.pass(rivalWaitMs - 2000);
    expect(outcome).toBe('waiting');
    first.leave();
    await time.pass(0);
    expect(outcome).toBeNull();
    expect(await seat('third').take(clone)).toBeNull();
  });

  it('what was on its way when the first one died proves nothing', async () => {
    const { time, seat } = scene();
    const first = seat('first');
    await first.take(original);
    let outcome: unknown = 'waiting';
    void seat('second')
      .take(clone)
      .then((refusal) => (outcome = refusal));
    await time.pass(rivalProofMs - 1000);
    first.heard();
    await time.pass(5000);
    expect(outcome).toBe('waiting');
  });

  it('another database of the same name is refused too, another name and instance is free', async () => {
    const { time, seat } = scene();
    await seat('first').take(original);
    const other = { ...clone, instance: '02'.repeat(16) };
    expect(await seat('other').take({ ...other, replica: 'another' })).toBeNull();
    const taken = seat('same name').take(other);
    await time.pass(rivalWaitMs);
    expect(await taken).toMatchObject({
      code: 'REPLICA_CLONED',
      message: expect.stringContaining('another database named copy') as unknown,
    });
  });

  it('who leaves while it waits takes no seat', async () => {
    const { time, seat } = scene();
    const first = seat('first');
    await first.take(original);
    const second = seat('second');
    const taken = second.take(clone);
    await time.pass(3000);
    second.leave();
    expect(await taken).toBeNull();
    first.leave();
    expect(await seat('third').take({ ...clone, run: undefined })).toBeNull();
  });

  it('P16 who has left before it comes to sit takes no seat either', async () => {
    const { ended, seat } = scene();
    const gone = seat('gone');
    gone.leave();
    expect(await gone.take(original)).toBeNull();
    expect(await seat('next').take(clone)).toBeNull();
    expect(ended).toEqual([]);
  });

  it('P10 of two that are no rivals each is free, and never are two of one name or instance seated', () => {
    const hello = fc.record({
      replica: fc.constantFrom('a', 'b'),
      instance: fc.constantFrom('i', 'j'),
      run: fc.constantFrom('r', 's', null),
    });
    fc.assert(
      fc.property(hello, hello, fc.nat(60_000), fc.nat(60_000), (one, two, heardMs, waitedMs) => {
        const verdict = judgeRival(two, { ...one, heardMs }, { arrivedMs: 1000, waitedMs });
        const isRival = one.replica === two.replica || one.instance === two.instance;
        expect(verdict === 'free').toBe(!isRival);
        if (isRival && one.run !== null && one.run === two.run) expect(verdict).toBe('take-over');
        if (verdict === 'wait') expect(waitedMs).toBeLessThan(rivalWaitMs);
      }),
    );
  });
});
