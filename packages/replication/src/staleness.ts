// How old the state of a replica may be, so that it can be a bound: never less than it is. What proves it are
// the master's heartbeats, each "at my time T my log ended with record N". Clocks of two machines are never
// compared: handshake and fastest heartbeat say how the master's clock stands to the own monotonic one, so that
// a heartbeat that was under way for long proves only what was true when it was sent.

/** One heartbeat, as far as it proves something. */
export interface Beat {
  /** The master's last durable record when it was sent. */
  readonly seq: number;
  /** The master's clock then, ms since 1970. */
  readonly time: number;
  /** How far the master was behind a master of its own then, ms. */
  readonly behindMs: number;
  /** Own monotonic clock when it was heard. */
  readonly heardMs: number;
}

type Place = 'durable' | 'applied';
export type Reached = Readonly<Record<Place, number>>;

/** Heartbeats whose record was not reached yet; of more, every other one is forgotten. */
const beatsMax = 1024;
/** For so long the fastest heartbeat counts: the master's clock may have been set since. */
const offsetMs = 60_000;

export class StalenessMeter {
  /** Master's clock minus own one, of the fastest heartbeat of this period and of the one before. */
  #offset: { fromMs: number; now: number; before: number } | null = null;
  /** Oldest first. */
  readonly #beats: Record<Place, Beat[]> = { durable: [], applied: [] };
  /** The master's time up to which a place has everything. */
  readonly #evenAt: Record<Place, number | null> = { durable: null, applied: null };
  /** The same by the own clock, from before the present master was met. */
  readonly #evenBefore: Record<Place, number | null> = { durable: null, applied: null };

  /**
   * Another connection, perhaps to another master, whose clock is another one. Its welcome, with `time` in it, was
   * sent after `helloMs` by the own monotonic clock: the master's clock is no further ahead than that.
   */
  connected(time: number, helloMs: number): void {
    const offset = this.#bestOffset;
    for (const place of places) {
      const evenAt = this.#evenAt[place];
      if (evenAt !== null && offset !== null) {
        this.#evenBefore[place] = Math.max(this.#evenBefore[place] ?? -Infinity, evenAt - offset);
      }
      this.#evenAt[place] = null;
      this.#beats[place] = [];
    }
    this.#offset = { fromMs: helloMs, now: -Infinity, before: time - helloMs };
  }

  hear(beat: Beat, reached: Reached): void {
    const offset = beat.time - beat.heardMs;
    const known = this.#offset;
    if (known === null) this.#offset = { fromMs: beat.heardMs, now: offset, before: -Infinity };
    else if (beat.heardMs - known.fromMs >= offsetMs) {
      this.#offset = { fromMs: beat.heardMs, now: offset, before: known.now };
    } else known.now = Math.max(known.now, offset);
    for (const place of places) {
      const beats = this.#beats[place];
      beats.push(beat);
      if (beats.length > beatsMax) this.#beats[place] = beats.filter((_, at) => at % 2 === 1);
    }
    this.update(reached);
  }

  /** Records up to these are there now. */
  update(reached: Reached): void {
    for (const place of places) {
      const beats = this.#beats[place];
      let count = 0;
      while (count < beats.length && beats[count]!.seq <= reached[place]) count++;
      const last = beats[count - 1];
      if (last === undefined) continue;
      const evenAt = last.time - last.behindMs;
      this.#evenAt[place] = Math.max(this.#evenAt[place] ?? -Infinity, evenAt);
      beats.splice(0, count);
    }
  }

  /** At most so many ms old; null before that is known. */
  behindMs(place: Place, monotonicMs: number): number | null {
    const offset = this.#bestOffset;
    const evenAt = this.#evenAt[place];
    const now = evenAt === null || offset === null ? -Infinity : evenAt - offset;
    const evenMs = Math.max(now, this.#evenBefore[place] ?? -Infinity);
    return evenMs === -Infinity ? null : Math.max(0, monotonicMs - evenMs);
  }

  get #bestOffset(): number | null {
    return this.#offset === null ? null : Math.max(this.#offset.now, this.#offset.before);
  }
}

const places = ['durable', 'applied'] as const;
