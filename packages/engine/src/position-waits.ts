// Reads that hold a position: a session that committed on the master reads on a replica what it wrote
// itself, or is told that it did not get there in time (P12).
import {
  currentTimeline,
  formatPosition,
  PaminaError,
  parsePosition,
  positionWaitsMax,
  timelineAt,
  toPaminaError,
  type Position,
  type Timeline,
} from '@pamina/format';
import type { Clock } from '@pamina/env';

export interface WaitForOptions {
  /** Without it, until the signal or the end of the database. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What this needs of its database. */
export interface PositionOwner {
  readonly control: { readonly name: string };
  readonly timelines: readonly Timeline[];
  /** The last record that a read sees. */
  readonly visibleSeq: number;
  /** Calls `settle` once record `seq` is applied, or with why it will not be; returns the cancellation. */
  onApplied(seq: number, settle: (error: PaminaError | null) => void): () => void;
}

export class PositionWaits {
  readonly #owner: PositionOwner;
  readonly #clock: Pick<Clock, 'after'>;
  readonly #waiting = new Set<() => void>();
  #ended: PaminaError | null = null;

  constructor(owner: PositionOwner, clock: Pick<Clock, 'after'>) {
    this.#owner = owner;
    this.#clock = clock;
  }

  /** Of the state that a read sees now: behind a commit of one's own that was acknowledged, at least that one. */
  get current(): Position {
    const { timelines, visibleSeq: seq } = this.#owner;
    return { timeline: timelineAt(timelines, seq).timeline, seq };
  }

  /**
   * Resolves when reads see the position or more. POSITION_TIMEOUT, POSITION_LOST where the history left
   * that timeline before it, POSITION_INVALID, ABORTED, BACKLOG_FULL, DATABASE_CLOSED.
   */
  async waitFor(position: Position | string, options: WaitForOptions = {}): Promise<void> {
    const target = typeof position === 'string' ? parsePosition(position) : position;
    const { signal, timeoutMs } = options;
    signal?.throwIfAborted();
    if (this.#isReached(target)) return;
    if (this.#waiting.size >= positionWaitsMax) {
      const message = `${this.#waiting.size} reads wait for positions of ${this.#owner.control.name}`;
      throw new PaminaError('BACKLOG_FULL', message, {
        context: { waiting: this.#waiting.size },
        hint: 'Let reads that wait come to their end before you begin more of them.',
      });
    }
    let cancelTimer = (): void => undefined;
    let look = (): void => undefined;
    let unwatch = (): void => undefined;
    let abort = (): void => undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        look = () => {
          unwatch();
          try {
            if (this.#ended !== null) throw this.#ended;
            if (this.#isReached(target)) return resolve();
            unwatch = this.#watch(target, look);
          } catch (error) {
            reject(toPaminaError(error));
          }
        };
        abort = () => reject(signal?.reason as Error);
        signal?.addEventListener('abort', abort, { once: true });
        if (timeoutMs !== undefined) {
          cancelTimer = this.#clock.after(timeoutMs, () =>
            reject(this.#tooLate(target, timeoutMs)),
          );
        }
        this.#waiting.add(look);
        look();
      });
    } finally {
      cancelTimer();
      unwatch();
      this.#waiting.delete(look);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** The history of the database changed, or what is open of it: everybody looks again. */
  look(): void {
    for (const look of this.#waiting) look();
  }

  end(error: PaminaError): void {
    this.#ended = error;
    this.look();
  }

  /** The timeline of the position may not have begun here yet: then nothing but news of it can help. */
  #watch({ seq }: Position, look: () => void): () => void {
    if (this.#owner.visibleSeq >= seq) return () => undefined;
    return this.#owner.onApplied(seq, (error) => {
      // What failed or was closed says so itself, to everybody.
      if (error === null) look();
    });
  }

  /** POSITION_LOST. */
  #isReached({ timeline, seq }: Position): boolean {
    const { timelines, visibleSeq } = this.#owner;
    const at = timelines.findIndex((entry) => entry.timeline === timeline);
    if (at === -1) {
      if (timeline > currentTimeline(timelines).timeline) return false;
      throw this.#lost({ timeline, seq }, `has no timeline ${timeline}`);
    }
    const next = timelines[at + 1];
    if (next !== undefined && seq > next.atSeq) {
      throw this.#lost({ timeline, seq }, `left timeline ${timeline} behind record ${next.atSeq}`);
    }
    return visibleSeq >= seq;
  }

  #lost(position: Position, how: string): PaminaError {
    const text = formatPosition(position);
    const message = `the history of ${this.#owner.control.name} ${how}: ${text} is not in it`;
    return new PaminaError('POSITION_LOST', message, { context: { position: text } });
  }

  #tooLate(position: Position, timeoutMs: number): PaminaError {
    const [wanted, here] = [formatPosition(position), formatPosition(this.current)];
    const message = `${this.#owner.control.name} did not reach ${wanted} within ${timeoutMs} ms; it is at ${here}`;
    return new PaminaError('POSITION_TIMEOUT', message, {
      context: { position: wanted, at: here },
    });
  }
}
