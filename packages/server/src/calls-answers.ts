// The answers of one connection of calls: those that are ready in one turn go in one message. What nobody takes is
// bounded: beyond it no call is begun, and who takes nothing for long is let go of (P13).

import type { Database } from '@pamina/engine';
import type { Channel, Clock } from '@pamina/env';
import {
  answersStalledMsMax,
  answersUnsentBytesMax,
  callBytesMax,
  callsUnderWayMax,
  PaminaError,
  timelineAt,
  toPaminaError,
} from '@pamina/format';
import { type AnswersPlace, answerStatus, FrameWriter } from '@pamina/wire';
import { type AnswersBudget, type AnswersHolder, drainedBytes } from './answers-budget.js';

/** How large an answer will be nobody knows before it is there: as large as the largest of late, at first as this. */
const usualBytesAtFirst = 2 * 1024 * 1024;
const usualBytesMin = answersUnsentBytesMax / callsUnderWayMax;
const remembered = 0.99;
/** Smaller ones are counted with the message that they are in. */
const largeBytes = 64 * 1024;

export interface AnswersParts {
  readonly channel: Channel;
  readonly clock: Pick<Clock, 'after' | 'soon'>;
  /** All who have answers lying share it. */
  readonly budget: AnswersBudget;
  /** Where reads are at this moment. */
  place(): AnswersPlace;
  /** There is room again. */
  onRoom(): void;
  /** Nothing was taken for too long, or others need the room. */
  onStalled(): void;
}

const encoder = new TextEncoder();

export class CallsAnswers implements AnswersHolder {
  readonly #parts: AnswersParts;
  readonly #writer = new FrameWriter('answers');
  #isScheduled = false;
  #isFull = false;
  #isClosed = false;
  #cancelStall = (): void => undefined;
  #sentBytes = 0;
  #usualBytes = usualBytesAtFirst;
  #hasAnswered = false;

  constructor(parts: AnswersParts) {
    this.#parts = parts;
  }

  get unsentBytes(): number {
    return this.#writer.bytes + this.#parts.channel.bufferedBytes;
  }

  get takenBytes(): number {
    return this.#sentBytes - this.#parts.channel.bufferedBytes;
  }

  /** What is answered from then on is dropped. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether so many answers, if they are as the last ones were, would be too many. */
  hasRoomFor(underWay: number): boolean {
    if (this.#isFull) return false;
    const { budget, channel } = this.#parts;
    const expectedBytes = underWay * this.#usualBytes;
    if (!budget.hasRoomFor(this, expectedBytes)) {
      // What is not sent yet goes out with this turn, and is asked about again then.
      if (channel.bufferedBytes >= drainedBytes) this.#waitForRoom();
      return false;
    }
    return this.unsentBytes + expectedBytes < answersUnsentBytesMax;
  }

  done(number: number): void {
    this.#writer.begin(number, answerStatus.done);
    this.#end(number);
  }

  nothing(number: number): void {
    this.#writer.begin(number, answerStatus.nothing);
    this.#end(number);
  }

  /** With what `write` adds. */
  with(number: number, write: (writer: FrameWriter) => void): void {
    const before = this.#writer.bytes;
    this.#writer.begin(number, answerStatus.done);
    try {
      write(this.#writer);
    } catch (error) {
      this.#writer.drop();
      throw error;
    }
    this.#end(number, this.#writer.bytes - before);
  }

  failed(number: number, error: unknown): void {
    const text = encoder.encode(JSON.stringify(toPaminaError(error)));
    this.#writer.begin(number, answerStatus.failed);
    this.#writer.datum(text);
    this.#end(number);
  }

  /** What is ready goes out. */
  flush(): void {
    this.#isScheduled = false;
    if (this.#isClosed || this.#writer.isEmpty) return;
    const { budget, channel } = this.#parts;
    for (const message of this.#writer.take(this.#parts.place())) {
      this.#sentBytes += message.length;
      channel.send(message);
    }
    budget.note(this);
    if (this.#isClosed) return;
    // What the system took at once makes room that nobody else tells of.
    if (channel.bufferedBytes >= answersUnsentBytesMax) this.#waitForRoom();
    else this.#parts.onRoom();
  }

  letGo(): void {
    this.close();
    this.#parts.onStalled();
  }

  /** Nothing more goes out. What the system has still to take counts until the channel is over. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelStall();
    this.#writer.take();
    this.#parts.budget.note(this);
  }

  /** The channel is over. */
  gone(): void {
    this.close();
    this.#parts.budget.forget(this);
  }

  #end(number: number, bytes = 0): void {
    const before = this.#hasAnswered ? this.#usualBytes * remembered : 0;
    this.#usualBytes = Math.max(bytes, usualBytesMin, before);
    this.#hasAnswered = true;
    if (!this.#writer.end()) {
      const message = `an answer has more than ${callBytesMax} bytes`;
      const hint = 'Ask for fewer keys at a time.';
      this.failed(number, new PaminaError('RESPONSE_TOO_LARGE', message, { hint }));
    }
    if (bytes > largeBytes) this.#parts.budget.note(this);
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    this.#parts.clock.soon(() => this.flush());
  }

  /** Who is slow and takes some all the while goes on. */
  #watchTaking(): void {
    const { takenBytes } = this;
    this.#cancelStall = this.#parts.clock.after(answersStalledMsMax, () => {
      if (this.takenBytes > takenBytes) this.#watchTaking();
      else this.#parts.onStalled();
    });
  }

  #waitForRoom(): void {
    if (this.#isFull) return;
    this.#isFull = true;
    this.#watchTaking();
    void this.#parts.channel.drained().then(() => {
      this.#isFull = false;
      this.#cancelStall();
      if (!this.#isClosed) this.#parts.onRoom();
    });
  }
}

/** What a replica is applying at this moment may have been seen already. */
export function placeOf(database: Database): AnswersPlace {
  const { seq } = database.positions.current;
  const atMost = Math.max(seq, database.replicaApply?.handedSeq ?? seq);
  return { timeline: timelineAt(database.timelines, atMost).timeline, atLeast: seq, atMost };
}
