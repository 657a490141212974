// What happens to a database, as it happens: the events of its job log, each with an id from which a reader that was
// cut off goes on, and every change of its state. What a reader has not taken yet is bounded (P13).

import { JobLog } from '@pamina/engine';
import { crc32, isPaminaError, PaminaError, toPaminaError } from '@pamina/format';
import type { JobEvent } from '@pamina/wire';
import { join } from 'node:path';
import { condition } from './host-condition.js';
import type { HostCore } from './host-core.js';
import { eventOf } from './host-log.js';
import type { OnlineDatabase } from './online-database.js';

/** How far back in the job log a reader can go on. */
const resumedMax = 1_000;
/** Events that were not taken yet; with one more the reader is too slow. */
const queuedMax = 1_500;
/** Changes of state that nothing in the job log tells of are seen so soon. */
const lookEveryMs = 500;

/** `gap`: events may be missing before the next one. */
export interface ServedEvent {
  readonly event: 'job' | 'state' | 'gap';
  readonly data: unknown;
  /** Only of `job`. */
  readonly id?: string | undefined;
}

export interface EventsOptions {
  /** The id of the last event that was seen; without one only what is new is told. */
  readonly after?: string | undefined;
  readonly signal: AbortSignal;
}

/** DATABASE_NOT_FOUND, REQUEST_INVALID; the events end with BACKLOG_FULL for a reader that is too slow. */
export async function events(
  core: HostCore,
  name: string,
  options: EventsOptions,
): Promise<AsyncIterable<ServedEvent>> {
  await core.control(name);
  const { after } = options;
  const begin = after === undefined ? { id: null, time: core.env.clock.now() } : placeOf(after);
  return new EventQueue(core, name, begin, options.signal).all();
}

interface Place {
  readonly id: string | null;
  /** ms since 1970 */
  readonly time: number;
}

function placeOf(id: string): Place {
  const time = /^([0-9]{1,15})-[0-9a-f]{8}$/.exec(id)?.[1];
  if (time !== undefined) return { id, time: Number(time) };
  throw new PaminaError('REQUEST_INVALID', 'Last-Event-ID is none that this server gave');
}

/** Two events of one moment and the same words are one. */
function idOf(event: JobEvent): string {
  const mark = crc32(new TextEncoder().encode(JSON.stringify(event)));
  return `${event.time}-${mark.toString(16).padStart(8, '0')}`;
}

class EventQueue {
  readonly #core: HostCore;
  readonly #name: string;
  readonly #signal: AbortSignal;
  readonly #queue: ServedEvent[] = [];
  #last: Place;
  #state = '';
  #failure: PaminaError | null = null;
  #isOver = false;
  #wake: () => void = () => undefined;

  constructor(core: HostCore, name: string, begin: Place, signal: AbortSignal) {
    this.#core = core;
    this.#name = name;
    this.#last = begin;
    this.#signal = signal;
  }

  async *all(): AsyncIterable<ServedEvent> {
    const wake = (): void => this.#wake();
    this.#signal.addEventListener('abort', wake);
    this.#noteState();
    const following = this.#follow();
    try {
      while (!this.#signal.aborted) {
        const next = this.#queue.shift();
        if (next !== undefined) yield next;
        else if (this.#failure !== null) throw this.#failure;
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.#isOver = true;
      this.#signal.removeEventListener('abort', wake);
      await following;
    }
  }

  get #isEnded(): boolean {
    return this.#isOver || this.#signal.aborted || this.#failure !== null;
  }

  async #follow(): Promise<void> {
    try {
      while (!this.#isEnded) await this.#followOne();
    } catch (error) {
      this.#endWith(toPaminaError(error));
    }
  }

  /** Until the database goes offline or comes online. */
  async #followOne(): Promise<void> {
    const core = this.#core;
    const online = core.online.get(this.#name);
    try {
      if (online === undefined) await this.#followFile();
      else await this.#followOnline(online);
    } catch (error) {
      // In the middle of a swap there is no folder of this name for a moment.
      const isMoment = isPaminaError(error, 'DATABASE_NOT_FOUND') && core.turns.isHeld(this.#name);
      if (!isMoment) throw error;
      await core.turns.run(this.#name, () => Promise.resolve());
    }
  }

  async #followOnline(online: OnlineDatabase): Promise<void> {
    const { jobLog } = online.database;
    let arrived: JobEvent[] | null = [];
    const unsubscribe = jobLog.subscribe((written) => {
      if (arrived === null) this.#addJob(eventOf(written));
      else if (arrived.push(eventOf(written)) > queuedMax) this.#tooSlow();
    });
    try {
      await this.#catchUp(jobLog);
      // What came in while the file was read may be in both.
      const at = arrived.findLastIndex((event) => idOf(event) === this.#last.id);
      for (const event of arrived.slice(at + 1)) this.#addJob(event);
      arrived = null;
      await this.#while(() => this.#core.online.get(this.#name) === online);
    } finally {
      unsubscribe();
    }
  }

  /** Nobody in this process writes there, or only for a moment. */
  async #followFile(): Promise<void> {
    const { disk, clock } = this.#core.env;
    const folder = this.#core.folder(this.#name);
    let bytes = -1;
    for (;;) {
      await this.#core.control(this.#name);
      const now = (await disk.stat(join(folder, 'job.log')))?.bytes ?? 0;
      if (now !== bytes) await this.#catchUp(new JobLog(disk, clock, folder));
      bytes = now;
      if (this.#isEnded || this.#core.online.has(this.#name)) return;
      await this.#pause();
    }
  }

  async #catchUp(log: JobLog): Promise<void> {
    const events = (await log.tail(resumedMax)).map(eventOf);
    const { id, time } = this.#last;
    const at = id === null ? -1 : events.findLastIndex((event) => idOf(event) === id);
    if (at < 0 && id !== null && events.length === resumedMax) {
      this.#add({ event: 'gap', data: { database: this.#name } });
    }
    const unseen = at < 0 ? events.filter((event) => event.time > time) : events.slice(at + 1);
    for (const event of unseen) this.#addJob(event);
  }

  async #while(holds: () => boolean): Promise<void> {
    while (!this.#isEnded && holds()) await this.#pause();
  }

  /** Changes of state that nothing in the job log tells of are seen between two of them. */
  async #pause(): Promise<void> {
    const { promise, end } = untilAborted(this.#signal);
    let cancel = (): void => undefined;
    await Promise.race([
      promise,
      new Promise<void>((resolve) => {
        cancel = this.#core.env.clock.after(lookEveryMs, resolve);
      }),
    ]);
    cancel();
    end();
    this.#noteState();
  }

  #noteState(): void {
    const { behindMs: _moves, ...state } = condition(this.#core, this.#name);
    const data = { database: this.#name, ...state };
    // Words such as "12 records wait" change all the time, and the state does not.
    const text = JSON.stringify({ ...data, reason: null });
    if (text === this.#state) return;
    this.#state = text;
    this.#add({ event: 'state', data });
  }

  #addJob(event: JobEvent): void {
    const id = idOf(event);
    this.#last = { id, time: event.time };
    this.#add({ event: 'job', data: event, id });
  }

  #add(event: ServedEvent): void {
    if (this.#isEnded) return;
    if (this.#queue.push(event) > queuedMax) this.#tooSlow();
    this.#wake();
  }

  #tooSlow(): void {
    this.#queue.length = 0;
    this.#endWith(new PaminaError('BACKLOG_FULL', 'events come faster than they are read'));
  }

  #endWith(error: PaminaError): void {
    this.#failure ??= error;
    this.#wake();
  }
}

function untilAborted(signal: AbortSignal): { promise: Promise<void>; end: () => void } {
  let end = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    const listener = (): void => resolve();
    signal.addEventListener('abort', listener, { once: true });
    end = () => signal.removeEventListener('abort', listener);
  });
  return { promise, end };
}
