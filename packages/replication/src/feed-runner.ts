// Runs the feed's state machine on one channel: reads the log, keeps the time, sends and receives.
// One runner a connection; it lives until the channel is closed.

import type { Channel } from '@pamina/env';
import { isPaminaError, toPaminaError } from '@pamina/format';
import {
  channelProtocol,
  type ChannelPoint,
  decodeFollowerMessage,
  encodeChannelMessage,
  encodeSegmentBytes,
  type FeedMessage,
  type HelloMessage,
  type QueryMessage,
  type ReportMessage,
  refusalLengthMax,
  type SegmentBytes,
} from '@pamina/wire';
import type { FeedDatabase } from './contract.js';
import type { FeedEffect, FeedEvent, FeedState, Refusal, ResumePlan } from './feed-event.js';
import { gatherFacts, lossOf } from './feed-facts.js';
import { endOf, type FeedOptions, statusOf } from './feed-options.js';
import { FeedPause } from './feed-pause.js';
import { FeedSeat } from './feed-seats.js';
import { FeedSource } from './feed-source.js';
import { startFeed, stepFeed } from './feed.js';
import { heartbeatMs } from './replication-limits.js';

/** Serves one replica; resolves when the channel is closed and everything held is let go. Never rejects. */
export function runFeed(
  channel: Channel,
  database: FeedDatabase,
  options: FeedOptions = {},
): Promise<void> {
  return new FeedRunner(channel, database, options).run();
}

type Effects = {
  readonly [T in FeedEffect['type']]: (effect: Extract<FeedEffect, { type: T }>) => void;
};

class FeedRunner {
  readonly #channel: Channel;
  readonly #database: FeedDatabase;
  readonly #options: FeedOptions;
  #state: FeedState;
  readonly #seat: FeedSeat;
  #source: FeedSource | null = null;
  #chunk: SegmentBytes | null = null;
  #report: ReportMessage | null = null;
  /** When it was let in, ms since 1970; null until then. */
  #welcomedAt: number | null = null;
  /** The newest timeline of the history that the replica was welcomed to, and how many that has. */
  #timelineId = '';
  #timelines = 0;
  #unpin: (() => void) | null = null;
  #pinnedSeq = -1;
  #moreWhileReading = false;
  readonly #pause: FeedPause;
  #cancelTick: (() => void) | null = null;
  #reporting = false;
  /** Work that is under way: awaited before the feed ends, so that nothing outlives it. */
  readonly #running = new Set<Promise<void>>();

  constructor(channel: Channel, database: FeedDatabase, options: FeedOptions) {
    this.#channel = channel;
    this.#database = database;
    this.#options = options;
    const { clock } = database.env;
    this.#state = startFeed(clock.monotonic());
    this.#pause = new FeedPause(clock, () => this.#more());
    const seats = options.seats ?? null;
    const replaced = { type: 'stop', why: 'this replica came again' } as const;
    this.#seat = new FeedSeat(seats, clock, () => this.#dispatch(replaced));
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    const why = 'the database goes offline';
    const stop = (): void => this.#dispatch({ type: 'stop', why });
    const closed = new Promise<void>((resolve) => {
      this.#channel.onClose(({ code, message }) => {
        const why = message === '' ? `the connection ended (${code})` : message;
        this.#dispatch({ type: 'closed', message: printable(why) });
        resolve();
      });
    });
    const unsubscribe = this.#database.log.onDurable(() => this.#more());
    this.#armTick();
    this.#channel.onMessage((bytes) => this.#receive(bytes));
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
    await closed;
    this.#cancelTick?.();
    this.#pause.cancel();
    unsubscribe();
    signal?.removeEventListener('abort', stop);
    await this.#release();
  }

  #dispatch(event: FeedEvent): void {
    const before = this.#state;
    const { state, effects } = stepFeed(before, event);
    this.#state = state;
    for (const effect of effects) {
      (this.#effects[effect.type] as (effect: FeedEffect) => void)(effect);
    }
    if (this.#welcomedAt === null || before === state) return;
    this.#options.onStatus?.(statusOf(state, { report: this.#report, since: this.#welcomedAt }));
  }

  readonly #effects: Effects = {
    gather: ({ hello }) => this.#spawn(() => this.#gather(hello)),
    'permit-simultaneous-query': ({ replica, simultaneousQuery }) =>
      this.#spawn(() => this.#permitQuery(replica, simultaneousQuery)),
    welcome: ({ plan }) => this.#welcome(plan),
    read: ({ bytesMax }) => this.#spawn(() => this.#read(bytesMax)),
    'send-chunk': () => {
      if (this.#chunk !== null) this.#channel.send(encodeSegmentBytes(this.#chunk));
      this.#chunk = null;
    },
    'send-end': () => this.#send({ type: 'end', point: this.#end(), time: this.#now() }),
    'send-heartbeat': ({ isAwaited }) => this.#heartbeat(isAwaited),
    'await-drained': () =>
      this.#spawn(async () => {
        await this.#channel.drained();
        this.#dispatch({ type: 'drained' });
      }),
    slot: ({ report }) => {
      const { hello } = this.#state;
      this.#report = report;
      if (hello === null) return;
      this.#database.synchronous.reported(hello.replica, this.#timelineId, report.durable);
      if (report.durable >= this.#state.sentSeq) this.#pause.end();
      if (this.#reporting) return;
      this.#spawn(() => this.#enterReports(hello.instance, hello.replica));
    },
    refuse: ({ refusal }) => this.#refuse(refusal),
    'taken-over': ({ replica }) => this.#options.onTakenOver?.(replica),
    close: ({ code, message }) => this.#channel.close(code, message),
    log: ({ level, event, message }) => this.#log(level, event, message),
  };

  /** A failure of any work ends the feed with a message to the replica; nothing is swallowed. */
  #spawn(work: () => Promise<void>): void {
    const running = work().catch((error: unknown) => this.#fail(error));
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }

  #fail(error: unknown): void {
    const { code, message, context } = toPaminaError(error).toJSON();
    this.#dispatch({ type: 'failed', refusal: { code, message, context } });
  }

  #receive(bytes: Uint8Array): void {
    this.#seat.heard();
    try {
      const message = decodeFollowerMessage(bytes);
      if (message.type === 'hello') this.#dispatch({ type: 'hello', hello: message });
      else if (message.type === 'request') this.#dispatch({ type: 'request', request: message });
      else if (message.type === 'report') this.#dispatch({ type: 'report', report: message });
      else if (message.type === 'query') this.#heardQuery(message);
      else this.#dispatch({ type: 'goodbye' });
    } catch (error) {
      this.#fail(error);
    }
  }

  async #gather(hello: HelloMessage): Promise<void> {
    // Before anything is looked up: what is found must still be there when it is sent (P10).
    this.#pin(hello.point.seq);
    const facts = await gatherFacts(this.#database, hello, this.#seat);
    this.#dispatch({ type: 'facts', facts });
  }

  /** Of a replica of the one at the other end. */
  #heardQuery({ replica, simultaneousQuery }: QueryMessage): void {
    if (this.#welcomedAt === null) return;
    this.#spawn(async () => {
      const permitted = await this.#database.permitted();
      const entry = permitted.find(({ name }) => name === replica);
      if (entry === undefined || entry.simultaneousQuery === simultaneousQuery) return;
      await this.#permitQuery(replica, simultaneousQuery);
    });
  }

  async #permitQuery(replica: string, simultaneousQuery: boolean): Promise<void> {
    try {
      await this.#database.permit(replica, { simultaneousQuery });
    } catch (error) {
      const { onQueryWanted } = this.#options;
      if (isPaminaError(error, 'REPLICA_READ_ONLY') && onQueryWanted !== undefined) {
        return onQueryWanted(replica, simultaneousQuery);
      }
      // A database that may not write cannot note it; the replica follows all the same.
      if (!isPaminaError(error) || !mayNotWrite.has(error.code)) throw error;
      const message = `Simultaneous query of ${replica} could not be entered: ${error.message}.`;
      this.#log('warning', 'feed-permit-failed', message);
    }
  }

  #welcome(plan: ResumePlan): void {
    const { log, control, identity, timelines } = this.#database;
    this.#source = new FeedSource(log, plan);
    this.#welcomedAt = this.#now();
    this.#spawn(() => this.#takeBack());
    this.#timelineId = this.#end().timelineId;
    this.#timelines = timelines.length;
    this.#send({
      type: 'welcome',
      protocol: channelProtocol,
      instance: identity.instance,
      name: control.name,
      timelines,
      point: this.#end(),
      replicationDelayMs: this.#database.settings().replicationDelayMs,
      time: this.#now(),
      lockData: log.segments().at(-1)?.header?.lockData ?? false,
    });
  }

  /** A lost replica whose log is here all the same: the pin keeps it, and from now on its slot does. */
  async #takeBack(): Promise<void> {
    const { slots } = this.#database;
    const replica = this.#state.hello?.replica ?? '';
    if (slots.lost(replica) === null) return;
    const message = `The replica ${replica} was lost and is back, and the log that it needs is here: log is held for it again.`;
    this.#log('warning', 'replica-taken-back', message);
    await slots.takeBack(replica);
  }

  async #read(bytesMax: number): Promise<void> {
    this.#moreWhileReading = false;
    const chunk = (await this.#source?.next(bytesMax)) ?? null;
    // What is of a timeline that the replica does not know yet would be another history to it.
    if (this.#endIfHistoryGrew()) return;
    if (chunk === null) {
      this.#dispatch({ type: 'dry' });
      // What became durable while the read was ending would else wait for the next commit.
      if (this.#moreWhileReading) this.#more();
      return;
    }
    this.#chunk = chunk;
    this.#pause.sent();
    const { bufferedBytes } = this.#channel;
    const { lastSeq, bytes } = chunk;
    this.#dispatch({ type: 'chunk', bytes: bytes.length, lastSeq, bufferedBytes });
  }

  /** A replica that feeds others has followed its master to a new timeline: they connect again, and hear of it. */
  #endIfHistoryGrew(): boolean {
    const { control, timelines } = this.#database;
    if (this.#welcomedAt === null || timelines.length === this.#timelines) return false;
    this.#dispatch({ type: 'stop', why: `${control.name} has gone over to a new timeline` });
    return true;
  }

  #more(): void {
    this.#moreWhileReading = true;
    const { hello, sentSeq } = this.#state;
    const { synchronous } = this.#database;
    const isAwaited = hello !== null && synchronous.isAwaited(hello.replica, sentSeq);
    if (this.#pause.isWaiting && !isAwaited) return;
    const isThere = this.#report !== null && this.#report.durable >= sentSeq;
    if (this.#pause.mayGo(isAwaited || isThere)) this.#dispatch({ type: 'more', isAwaited });
  }

  /** The next tick is set when this one is done, so that slow ones never pile up. */
  #armTick(): void {
    this.#cancelTick = this.#database.env.clock.after(heartbeatMs, () =>
      this.#spawn(async () => {
        await this.#tick();
        if (this.#state.name !== 'closed') this.#armTick();
      }),
    );
  }

  async #tick(): Promise<void> {
    if (this.#endIfHistoryGrew()) return;
    const { hello } = this.#state;
    const permitted =
      this.#welcomedAt === null ||
      (await this.#database.permitted()).some((replica) => replica.name === hello?.replica);
    // Retention gave it up though it is connected: the pin of a feed must not keep log past the cap.
    const loss = this.#welcomedAt !== null ? lossOf(this.#database, hello?.replica ?? '') : null;
    if (loss !== null) return this.#dispatch({ type: 'failed', refusal: loss });
    this.#dispatch({ type: 'tick', nowMs: this.#database.env.clock.monotonic(), permitted });
  }

  #heartbeat(isAwaited: boolean): void {
    const behindMs = this.#database.freshness.behindMs('durable');
    this.#send({
      type: 'heartbeat',
      point: this.#end(),
      time: this.#now(),
      logBytes: this.#source?.backlogBytes(),
      replicationDelayMs: this.#database.settings().replicationDelayMs,
      behindMs: behindMs === null ? null : Math.ceil(behindMs),
      ...(isAwaited ? { isAwaited } : {}),
    });
  }

  /** One entry at a time; of reports that come meanwhile only the last one counts (P13). */
  async #enterReports(instance: string, replica: string): Promise<void> {
    let entered: ReportMessage | null = null;
    this.#reporting = true;
    try {
      while (this.#report !== null && this.#report !== entered) {
        entered = this.#report;
        const { received, durable, applied, oldest } = entered;
        this.#pin(Math.min(durable, oldest ?? durable));
        await this.#database.slots.report(instance, replica, { received, durable, applied });
      }
    } finally {
      this.#reporting = false;
    }
  }

  /** Keeps the record that the replica ended with too: its segment may still lack its trailer there. */
  #pin(seq: number): void {
    if (seq === this.#pinnedSeq) return;
    const unpin = this.#unpin;
    this.#unpin = this.#database.log.pin(seq);
    this.#pinnedSeq = seq;
    unpin?.();
  }

  #refuse(refusal: Refusal): void {
    const { code } = refusal;
    const message = printable(refusal.message).slice(0, refusalLengthMax);
    try {
      this.#send({ type: 'refuse', code, message, context: refusal.context });
    } catch (error) {
      // A context that cannot be encoded must not hide the code and the message.
      this.#send({
        type: 'refuse',
        code,
        message,
        context: { problem: toPaminaError(error).code },
      });
    }
  }

  #send(message: FeedMessage): void {
    this.#channel.send(encodeChannelMessage(message));
  }

  #end(): ChannelPoint {
    const { timeline, timelineId, seq, chain, time } = this.#database.durable();
    return { timeline, timelineId, seq, chain, time };
  }

  #now(): number {
    return this.#database.env.clock.now();
  }

  #log(level: 'info' | 'warning' | 'error', event: string, message: string): void {
    const { hello } = this.#state;
    const fields = hello === null ? {} : { replica: hello.replica, instance: hello.instance };
    this.#database.jobLog.write(level, event, message, fields);
  }

  async #release(): Promise<void> {
    this.#seat.leave();
    await Promise.all(this.#running);
    try {
      await this.#source?.close();
    } catch (error) {
      this.#log(
        'warning',
        'feed-close-failed',
        `A log file could not be closed: ${String(error)}.`,
      );
    }
    this.#unpin?.();
    const hasFollowed = this.#welcomedAt !== null;
    if (hasFollowed) this.#options.onStatus?.(null);
    const { clock } = this.#database.env;
    const heardAt = clock.now() - (clock.monotonic() - this.#seat.heardMs);
    const end = endOf(this.#state, { hasFollowed, heardAt: Math.floor(heardAt) });
    if (end !== null) this.#options.onEnd?.(end);
  }
}

const mayNotWrite: ReadonlySet<string> = new Set(['FENCED', 'READ_ONLY', 'REPLICA_READ_ONLY']);

/** One line without control characters: it is shown on terminals. */
function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
