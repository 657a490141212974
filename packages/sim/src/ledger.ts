// What the history proves about which record stands where, from acknowledgements and from the log
// files as they were read, and the model: the state that follows from it at any point.

import {
  eventsOf,
  type LoggedRecord,
  type Point,
  type Recorded,
  type State,
  type Write,
} from './history.js';

interface Fork {
  readonly forkedFrom: string | null;
  readonly atSeq: number;
}

/** Records that were seen at one place. More than one only where a history was lost and written anew. */
interface Place {
  readonly records: Map<number, LoggedRecord>;
  /** The commit that was acknowledged here; its chain is not known. */
  acknowledged: string | null;
}

export interface Sighting {
  readonly record: LoggedRecord;
  readonly database: string;
  readonly index: number;
}

/** Two different records at one place. */
export interface Conflict {
  readonly one: Sighting;
  readonly other: Sighting;
}

export class Ledger {
  readonly conflicts: Conflict[] = [];
  readonly writesOf = new Map<string, readonly Write[]>();
  readonly #forks = new Map<string, Fork>();
  readonly #places = new Map<string, Map<number, Place>>();
  readonly #first = new Map<string, Sighting>();
  readonly #states = new Map<string, State | null>();
  readonly #seen = new Set<string>();

  constructor(events: readonly Recorded[]) {
    for (const event of events) {
      if (event.type === 'commit-invoked') this.writesOf.set(event.commit, event.writes);
      else if ('timelines' in event) {
        for (const { id, forkedFrom, atSeq } of event.timelines) {
          this.#forks.set(id, { forkedFrom, atSeq });
        }
      }
    }
    for (const event of eventsOf(events, 'log-read')) {
      for (const record of event.records) {
        this.#see({ record, database: event.database, index: event.index });
      }
    }
    for (const event of eventsOf(events, 'commit-acknowledged')) {
      if (event.seq === null) continue;
      this.#place(event.timelineId, event.seq).acknowledged = event.commit;
      this.#seen.add(event.commit);
    }
  }

  /** Whether a commit is somewhere in a log, or was said to be. */
  has(commit: string): boolean {
    return this.#seen.has(commit);
  }

  /** The timeline on which record `seq` was written, seen from a later one. */
  timelineOf(timelineId: string, seq: number): string {
    let id = timelineId;
    for (;;) {
      const fork = this.#forks.get(id);
      if (fork === undefined || fork.forkedFrom === null || seq > fork.atSeq) return id;
      id = fork.forkedFrom;
    }
  }

  /** One name for one place, from whichever timeline it is looked at. */
  placeName(timelineId: string, seq: number): string {
    return `${this.timelineOf(timelineId, seq)}/${seq}`;
  }

  /** Commits in their order up to a point; `chain` tells branches apart where there is more than one. */
  commitsUpTo(point: Point): { readonly seq: number; readonly commit: string }[] {
    const commits: { seq: number; commit: string }[] = [];
    let chain: number | null = point.chain;
    for (let { seq } = point; seq > 0; seq--) {
      const place = this.#placeAt(point.timelineId, seq);
      const record: LoggedRecord | undefined =
        place === undefined ? undefined : recordIn(place, chain);
      const commit = record === undefined ? (place?.acknowledged ?? null) : record.commit;
      if (commit !== null) commits.push({ seq, commit });
      chain = record?.chainBefore ?? null;
    }
    return commits.reverse();
  }

  /** Whether every record up to there was seen, or acknowledged by its number: else there is no model. */
  isKnown(point: Point): boolean {
    for (let { seq } = point; seq > 0; seq--) {
      const place = this.#placeAt(point.timelineId, seq);
      if (place === undefined) return false;
      if (place.records.size === 0 && place.acknowledged === null) return false;
    }
    return true;
  }

  /** What a database must hold at a point; null where that is not known. */
  stateAt(point: Point): State | null {
    const name = `${this.placeName(point.timelineId, point.seq)}/${point.chain}`;
    const known = this.#states.get(name);
    if (known !== undefined) return known;
    const state = this.isKnown(point) ? new Map<string, string>() : null;
    this.#states.set(name, state);
    if (state === null) return null;
    for (const { commit } of this.commitsUpTo(point)) {
      applyWrites(state, this.writesOf.get(commit) ?? []);
    }
    return state;
  }

  /** The commit at a place that is in `database`'s log; undefined where nobody saw it. */
  recordsAt(timelineId: string, seq: number): readonly LoggedRecord[] {
    return [...(this.#placeAt(timelineId, seq)?.records.values() ?? [])];
  }

  #see(sighting: Sighting): void {
    const { record } = sighting;
    const place = this.#place(record.timelineId, record.seq);
    const name = `${record.timelineId}/${record.seq}`;
    const first = this.#first.get(name);
    if (first === undefined) this.#first.set(name, sighting);
    else if (!place.records.has(record.chain)) this.conflicts.push({ one: first, other: sighting });
    place.records.set(record.chain, record);
    if (record.commit !== null) this.#seen.add(record.commit);
  }

  #placeAt(timelineId: string, seq: number): Place | undefined {
    return this.#places.get(this.timelineOf(timelineId, seq))?.get(seq);
  }

  #place(timelineId: string, seq: number): Place {
    const id = this.timelineOf(timelineId, seq);
    let places = this.#places.get(id);
    if (places === undefined) this.#places.set(id, (places = new Map()));
    let place = places.get(seq);
    if (place === undefined) places.set(seq, (place = { records: new Map(), acknowledged: null }));
    return place;
  }
}

/** The one with this chain; where the chain is not known, the only one. */
function recordIn(place: Place, chain: number | null): LoggedRecord | undefined {
  if (chain !== null && place.records.has(chain)) return place.records.get(chain);
  return place.records.size === 1 ? [...place.records.values()][0] : undefined;
}

function applyWrites(state: Map<string, string>, writes: readonly Write[]): void {
  for (const { key, value } of writes) {
    if (value === null) state.delete(key);
    else state.set(key, value);
  }
}

/** Null if equal, or if nobody knows; else the first difference, for a message. */
export function difference(found: State, expected: State | null): string | null {
  if (expected === null) return null;
  for (const [key, value] of expected) {
    const there = found.get(key);
    if (there !== value) return `${key} is ${there ?? 'absent'}, expected ${value}`;
  }
  for (const [key, value] of found) {
    if (!expected.has(key)) return `${key} is ${value}, expected absent`;
  }
  return null;
}
