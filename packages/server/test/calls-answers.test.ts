// When a connection that has answers lying is let go of.

import { answersStalledMsMax, answersUnsentBytesMax } from '@pamina/format';
import { describe, expect, it } from 'vitest';
import { AnswersBudget } from '../src/answers-budget.js';
import { CallsAnswers } from '../src/calls-answers.js';
import { HandChannel } from './calls-workbench.js';
import { env } from './workbench.js';

const mebibyte = 1024 * 1024;

/** Time passes when a test says so. */
class HandTime {
  #due: (() => void)[] = [];
  readonly soon = (task: () => void): void => task();

  readonly after = (ms: number, task: () => void): (() => void) => {
    expect(ms).toBe(answersStalledMsMax);
    this.#due.push(task);
    return () => (this.#due = this.#due.filter((one) => one !== task));
  };

  pass(): void {
    for (const task of this.#due.splice(0)) task();
  }
}

function connected(budget = new AnswersBudget(env.clock)) {
  const channel = new HandChannel();
  channel.isTaking = false;
  const time = new HandTime();
  let stalls = 0;
  const answers = new CallsAnswers({
    channel,
    clock: time,
    budget,
    place: () => ({ timeline: 1, atLeast: 1, atMost: 1 }),
    onRoom: () => undefined,
    onStalled: () => (stalls += 1),
  });
  const answer = (bytes: number): void => {
    answers.with(1, (writer) => writer.datum(new Uint8Array(bytes)));
  };
  return { answer, answers, channel, time, stalls: () => stalls };
}

const tooMuch = answersUnsentBytesMax + 4 * mebibyte;

describe('P13 answers that are not taken', () => {
  it('for a time end the connection', () => {
    const { answer, time, stalls } = connected();
    answer(tooMuch);
    time.pass();
    expect(stalls()).toBe(1);
  });

  it('end no connection that takes some of them all the while, however slowly', () => {
    const { answer, channel, time, stalls } = connected();
    answer(tooMuch);
    for (let at = 0; at < 8; at += 1) {
      channel.take(mebibyte);
      time.pass();
    }
    expect(stalls()).toBe(0);
    time.pass();
    expect(stalls()).toBe(1);
  });

  it('hold up only those whose own are many: others have many small ones under way', () => {
    const budget = new AnswersBudget(env.clock, 16 * mebibyte);
    const silent = connected(budget);
    silent.answer(tooMuch);
    const small = connected(budget);
    small.answer(100);
    small.channel.takeAll();
    expect(small.answers.hasRoomFor(100)).toBe(true);
    const large = connected(budget);
    large.answer(mebibyte / 2);
    large.channel.takeAll();
    expect(large.answers.hasRoomFor(0)).toBe(true);
    expect(large.answers.hasRoomFor(3)).toBe(false);
    expect(silent.answers.hasRoomFor(0)).toBe(false);
  });
});
