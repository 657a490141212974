// One connection of a program elsewhere that works with one database: calls come in order and begin in that order,
// many are under way, answers go out as they are ready. All that one connection can hold up or fill is bounded, and
// what is wrong with it ends it alone (P13, P14).

import type { Channel, Clock } from '@pamina/env';
import {
  callsReadingMax,
  callsUnderWayMax,
  isPaminaError,
  PaminaError,
  toPaminaError,
} from '@pamina/format';
import {
  type CallOptions,
  callsProtocol,
  callVerb,
  decodeCallsHello,
  encodeCallsControl,
  FrameReader,
  type PartsBudget,
  readCallOptions,
  refusalLengthMax,
  type WireItem,
} from '@pamina/wire';
import type { AnswersBudget } from './answers-budget.js';
import type { CallFigures } from './call-figures.js';
import { CallsAnswers, placeOf } from './calls-answers.js';
import type { CallsAccess, CallsContext } from './calls-context.js';
import { CallsReaders } from './calls-readers.js';
import { verbOf } from './calls-verbs.js';
import type { OnlineDatabase } from './online-database.js';
import { byteFace } from './remote-transactions.js';

const helloWithinMs = 10_000;
const closedFor = { invalid: 4400, gone: 4001, slow: 4408, fault: 4500 } as const;
/** A call whose parts stop coming holds what all connections share. */
const partWithinMs = 30_000;
const noOptions: CallOptions = {};

export interface CallsParts {
  readonly channel: Channel;
  readonly clock: Pick<Clock, 'after' | 'soon'>;
  readonly online: OnlineDatabase;
  readonly access: CallsAccess;
  readonly budget: PartsBudget;
  readonly answersBudget: AnswersBudget;
  readonly figures: CallFigures;
}

/** Resolves when the connection has ended, and all that it began. */
export async function serveCalls(parts: CallsParts): Promise<void> {
  const connection = new CallsConnection(parts);
  await connection.run();
}

class CallsConnection {
  readonly #parts: CallsParts;
  readonly #context: CallsContext;
  readonly #reader: FrameReader;
  readonly #answers: CallsAnswers;
  #waiting: WireItem[] = [];
  #waitingAt = 0;
  #underWay = 0;
  #reading = 0;
  #release: (() => void) | null = null;
  #isPaused = false;
  #isGoing = false;
  #goesAgain = false;
  #hasSaidHello = false;
  #isEnding = false;
  #cancelHello = (): void => undefined;
  #cancelPart = (): void => undefined;
  readonly #ended: Promise<void>;
  #end!: () => void;

  constructor(parts: CallsParts) {
    const { access, answersBudget, budget, channel, clock, online } = parts;
    const { database } = online;
    const face = byteFace(database);
    this.#parts = parts;
    this.#context = { access, database, face, online, readers: new CallsReaders() };
    this.#reader = new FrameReader('calls', budget);
    this.#ended = new Promise((resolve) => (this.#end = resolve));
    this.#answers = new CallsAnswers({
      channel,
      clock,
      budget: answersBudget,
      place: () => placeOf(database),
      onRoom: () => this.#hasRoom(),
      onStalled: () => this.#abandon(),
    });
  }

  async run(): Promise<void> {
    const { figures } = this.#parts;
    figures.connections += 1;
    try {
      await this.#run();
    } finally {
      figures.connections -= 1;
    }
  }

  async #run(): Promise<void> {
    const { channel, clock, online } = this.#parts;
    await this.#context.face.open();
    const goOffline = (): void => this.#goOffline(toPaminaError(online.signal.reason));
    this.#cancelHello = clock.after(helloWithinMs, () => {
      this.#hangUp(closedFor.slow, new PaminaError('TIMEOUT', 'no hello in time'));
    });
    channel.onClose(() => {
      this.#answers.gone();
      this.#end();
    });
    channel.onMessage((message) => this.#receive(message));
    online.signal.addEventListener('abort', goOffline, { once: true });
    if (online.signal.aborted) goOffline();
    await this.#ended;
    online.signal.removeEventListener('abort', goOffline);
    await this.#tidy();
  }

  #receive(message: Uint8Array): void {
    if (this.#isEnding) return;
    try {
      if (!this.#hasSaidHello) this.#welcome(message);
      else this.#take(this.#reader.read(message));
      this.#watchParts();
    } catch (error) {
      this.#hangUp(closedFor.invalid, toPaminaError(error));
    }
  }

  #welcome(message: Uint8Array): void {
    decodeCallsHello(message);
    this.#cancelHello();
    this.#hasSaidHello = true;
    const { channel, online } = this.#parts;
    const { control, positions } = online.database;
    const welcome = encodeCallsControl({
      type: 'welcome',
      protocol: callsProtocol,
      name: control.name,
      instance: control.instance,
      databaseType: control.type,
      timelines: control.timelines,
      position: positions.current,
    });
    channel.send(welcome);
  }

  #watchParts(): void {
    this.#cancelPart();
    this.#cancelPart = (): void => undefined;
    if (!this.#reader.isAmidParts || this.#isEnding) return;
    this.#cancelPart = this.#parts.clock.after(partWithinMs, () => {
      this.#hangUp(
        closedFor.slow,
        new PaminaError('TIMEOUT', 'a call was begun and not sent whole'),
      );
    });
  }

  #take(items: WireItem[]): void {
    if (this.#waiting.length === 0) this.#waiting = items;
    else this.#waiting.push(...items);
    this.#goOn();
  }

  #hasRoom(): void {
    if (this.#isPaused && !this.#isEnding) this.#goOn();
  }

  /** Begins what may begin; while some may not, nothing is read from the connection. */
  #goOn(): void {
    // A call that fails at once, and what is read once the connection is resumed, come within the loop itself.
    this.#goesAgain = true;
    if (this.#isGoing) return;
    this.#isGoing = true;
    try {
      while (this.#goesAgain) {
        this.#goesAgain = false;
        this.#beginAll();
      }
    } finally {
      this.#isGoing = false;
    }
  }

  #beginAll(): void {
    while (this.#waitingAt < this.#waiting.length) {
      const item = this.#waiting[this.#waitingAt] as WireItem;
      if (!this.#mayBegin() || (this.#reading >= callsReadingMax && isReadOfNow(item))) {
        this.#pause();
        return;
      }
      this.#waitingAt++;
      try {
        this.#begin(item);
      } catch (error) {
        this.#hangUp(closedFor.invalid, toPaminaError(error));
        return;
      }
    }
    this.#waiting = [];
    this.#waitingAt = 0;
    if (this.#isEnding) return;
    if (!this.#mayBegin()) this.#pause();
    else if (this.#isPaused) this.#resume();
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#parts.channel.pause();
  }

  #resume(): void {
    this.#isPaused = false;
    this.#parts.channel.resume();
  }

  #mayBegin(): boolean {
    return this.#underWay < callsUnderWayMax && this.#answers.hasRoomFor(this.#underWay);
  }

  /** Throws what ends the connection. */
  #begin(item: WireItem): void {
    const { code, number } = item;
    const verb = verbOf(code);
    if (verb === null) {
      throw new PaminaError('MESSAGE_INVALID', `no call has the number ${code}`);
    }
    const isReading = isReadOfNow(item);
    this.#underWay++;
    if (isReading) this.#reading++;
    let given: never;
    let options: CallOptions;
    try {
      given = verb.decode(item.body);
      options = item.options === null ? noOptions : optionsOf(item.options);
    } catch (error) {
      if (isPaminaError(error, 'MESSAGE_INVALID') || isPaminaError(error, 'BODY_INVALID')) {
        this.#underWay--;
        if (isReading) this.#reading--;
        throw error;
      }
      this.#failed(item, error);
      return;
    }
    let result: Promise<never>;
    try {
      this.#release ??= this.#parts.online.use();
      result = verb.run(this.#context, given, options);
    } catch (error) {
      this.#failed(item, error);
      return;
    }
    const { figures } = this.#parts;
    void result.then(
      (value) => {
        figures.answered(code);
        this.#answer(item, () => verb.answer(this.#answers, number, value));
      },
      (error: unknown) => this.#failed(item, error),
    );
  }

  #failed(item: WireItem, error: unknown): void {
    const { code, number } = item;
    this.#parts.figures.failed(code);
    this.#answer(item, () => this.#answers.failed(number, error));
  }

  /** An answer that cannot be written is a fault, and ends the connection alone. */
  #answer(item: WireItem, write: () => void): void {
    try {
      if (!this.#answers.isClosed) write();
    } catch (error) {
      this.#hangUp(closedFor.fault, toPaminaError(error));
    }
    this.#finished(item);
  }

  #finished(item: WireItem): void {
    this.#underWay--;
    if (isReadOfNow(item)) this.#reading--;
    if (this.#underWay === 0) {
      this.#release?.();
      this.#release = null;
    }
    if (this.#isPaused && !this.#isEnding) this.#goOn();
    else if (this.#isEnding && this.#underWay === 0) this.#onIdle();
  }

  #onIdle = (): void => undefined;

  /** What is under way is answered; nothing more begins. */
  #goOffline(why: PaminaError): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#pause();
    for (const { number } of this.#waiting.slice(this.#waitingAt))
      this.#answers.failed(number, why);
    this.#waiting = [];
    const part = (): void => {
      this.#answers.flush();
      this.#refuse(closedFor.gone, why);
    };
    if (this.#underWay === 0) part();
    else this.#onIdle = part;
  }

  #hangUp(code: number, why: PaminaError): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#waiting = [];
    this.#answers.flush();
    this.#refuse(code, why);
  }

  /** Who takes nothing would not take a goodbye either, and what he holds is wanted by others. */
  #abandon(): void {
    this.#isEnding = true;
    this.#waiting = [];
    this.#answers.close();
    this.#parts.channel.abandon(closedFor.slow, 'TIMEOUT');
    this.#end();
  }

  #refuse(code: number, why: PaminaError): void {
    const { channel } = this.#parts;
    const { context, message } = why.toJSON();
    const text = message.slice(0, refusalLengthMax).replace(/\p{Cc}+/gu, ' ');
    channel.send(
      encodeCallsControl({
        type: 'refuse',
        code: why.code,
        message: text,
        context: plain(context),
      }),
    );
    channel.close(code, why.code);
    this.#end();
  }

  async #tidy(): Promise<void> {
    this.#isEnding = true;
    this.#waiting = [];
    this.#cancelHello();
    this.#cancelPart();
    this.#answers.close();
    this.#reader.close();
    const { face, online, readers } = this.#context;
    const message = `the connection to ${online.name} ended, and the transaction was rolled back`;
    await readers.end(new PaminaError('CONNECTION_LOST', message));
    await face.close();
    if (this.#underWay === 0) return;
    await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }
}

/** Not of a snapshot or a transaction, which waits for locks that a call behind it may free. */
function isReadOfNow({ body, code }: WireItem): boolean {
  if (code !== callVerb.get && code !== callVerb.getMany) return false;
  return body[0] === 0 && body[1] === 0 && body[2] === 0 && body[3] === 0;
}

/** What a program asked for wrongly is that call's alone. REQUEST_INVALID. */
function optionsOf(bytes: Uint8Array): CallOptions {
  try {
    return readCallOptions(bytes);
  } catch (cause) {
    throw new PaminaError('REQUEST_INVALID', toPaminaError(cause).message, { cause });
  }
}

/** As JSON has it: what else stands in a context cannot be sent. */
function plain(context: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(context)) as Record<string, unknown>;
}
