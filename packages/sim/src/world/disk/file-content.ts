// One file's bytes twice: as programs see them (the page cache) and as they are on the medium. What was
// written and not synced may reach the medium in part, out of order, torn at sectors, or not at all.

import type { Prng } from '../prng.js';

interface Range {
  from: number;
  to: number;
}

/** What one sync has to put on the medium, as it was when the sync began. */
export interface Capture {
  readonly parts: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  readonly size: number;
  /** The smallest size since what is on the medium; null where nothing was cut off. */
  readonly cutTo: number | null;
  isSettled: boolean;
}

export class FileContent {
  #cache = new Uint8Array(0);
  #size = 0;
  #medium = new Uint8Array(0);
  #mediumSize = 0;
  /** In the order of writing; not on the medium, or not for sure. */
  #dirty: Range[] = [];
  #cutTo: number | null = null;
  /** Syncs under way, oldest first. */
  #captures: Capture[] = [];

  get size(): number {
    return this.#size;
  }

  /** What a program reads there; a view, for the moment. */
  cached(from = 0, to = this.#size): Uint8Array {
    return this.#cache.subarray(Math.min(from, this.#size), Math.min(to, this.#size));
  }

  /** What is on the medium now; a copy. */
  durable(): Uint8Array {
    return this.#medium.slice(0, this.#mediumSize);
  }

  get durableSize(): number {
    return this.#mediumSize;
  }

  write(bytes: Uint8Array, at: number): void {
    if (bytes.length === 0) return;
    const to = at + bytes.length;
    this.#cache = withRoom(this.#cache, to);
    this.#cache.set(bytes, at);
    this.#size = Math.max(this.#size, to);
    const last = this.#dirty.at(-1);
    if (last !== undefined && at <= last.to && to >= last.from) {
      last.from = Math.min(last.from, at);
      last.to = Math.max(last.to, to);
    } else {
      this.#dirty.push({ from: at, to });
    }
  }

  truncate(size: number): void {
    if (size < this.#size) {
      this.#cache.fill(0, size, this.#size);
      this.#cutTo = Math.min(this.#cutTo ?? size, size);
      this.#dirty = clip(this.#dirty, size);
    }
    this.#cache = withRoom(this.#cache, size);
    this.#size = size;
  }

  /** A sync begins: this is what it covers. */
  capture(): Capture {
    const parts = this.#dirty.map(({ from, to }) => ({
      at: from,
      bytes: this.#cache.slice(from, to),
    }));
    const capture = { parts, size: this.#size, cutTo: this.#cutTo, isSettled: false };
    this.#dirty = [];
    this.#cutTo = null;
    this.#captures.push(capture);
    return capture;
  }

  /** The sync succeeds; so does what earlier ones had begun, since a sync waits for all of the file. */
  settle(capture: Capture): void {
    while (!capture.isSettled) this.#put(this.#captures.shift() as Capture);
  }

  /**
   * The sync fails: its bytes may have reached the medium in part, and the cache takes them for
   * clean. A later sync does not write them again.
   */
  lose(capture: Capture, random: Prng): void {
    if (capture.isSettled) return;
    capture.isSettled = true;
    this.#captures = this.#captures.filter((other) => other !== capture);
    const reach = random.pick([0, 0, 0.5, 1]);
    for (const { at, bytes } of capture.parts) {
      const end = Math.min(at + bytes.length, this.#mediumSize);
      for (const { from, to } of sectors({ from: at, to: end }, sectorBytes)) {
        if (random.chance(reach)) this.#medium.set(bytes.subarray(from - at, to - at), from);
      }
    }
  }

  /** The sync says that it succeeded and nothing was done. */
  pretend(capture: Capture): void {
    if (capture.isSettled) return;
    capture.isSettled = true;
    this.#captures = this.#captures.filter((other) => other !== capture);
    this.#takeBack(capture);
  }

  /** The system writes a part of what is dirty, by itself, in no order. */
  writeBack(random: Prng): void {
    const range = this.#dirty[random.below(this.#dirty.length)];
    if (range === undefined || this.#cutTo !== null || this.#captures.length > 0) return;
    for (const sector of sectors(range, pageBytes)) {
      if (random.chance(0.5)) this.#store(sector);
    }
  }

  /** The power goes: what is on the medium is what there is. */
  crash(random: Prng): void {
    for (const capture of this.#captures) this.#takeBack(capture);
    this.#captures = [];
    if (this.#dirty.length > 0 || this.#cutTo !== null || this.#size !== this.#mediumSize) {
      this.#resolve(random);
    }
    this.#cache = this.#medium.slice(0, this.#mediumSize);
    this.#size = this.#mediumSize;
    this.#dirty = [];
    this.#cutTo = null;
  }

  /** Damages the medium, and the cache if the file is read again from there. */
  flipBit(offset: number, bit: number, alsoCached: boolean): void {
    if (offset >= this.#mediumSize) throw new Error(`offset ${offset} is not on the medium`);
    this.#medium[offset] = (this.#medium[offset] as number) ^ (1 << bit);
    if (alsoCached && offset < this.#size) {
      this.#cache[offset] = (this.#cache[offset] as number) ^ (1 << bit);
    }
  }

  #put(capture: Capture): void {
    capture.isSettled = true;
    if (capture.cutTo !== null) this.#cutMedium(capture.cutTo);
    // Longer still where a failed sync lost a cut.
    this.#cutMedium(capture.size);
    this.#medium = withRoom(this.#medium, capture.size);
    for (const { at, bytes } of capture.parts) this.#medium.set(bytes, at);
    this.#mediumSize = capture.size;
  }

  #takeBack(capture: Capture): void {
    const ranges = capture.parts.map(({ at, bytes }) => ({ from: at, to: at + bytes.length }));
    // Cut off since: those bytes are nowhere any more.
    this.#dirty = clip([...ranges, ...this.#dirty], this.#size);
    if (capture.cutTo !== null) this.#cutTo = Math.min(this.#cutTo ?? Infinity, capture.cutTo);
  }

  #resolve(random: Prng): void {
    let sizeMax = this.#mediumSize;
    if (this.#cutTo === null || random.chance(0.5)) {
      if (this.#cutTo !== null) this.#cutMedium(this.#cutTo);
      sizeMax = grown(this.#mediumSize, this.#size, random);
    } else {
      // As before the cut: what was written below it may be there all the same.
      sizeMax = Math.min(this.#cutTo, this.#mediumSize);
    }
    const step = random.pick([sectorBytes, pageBytes, pageBytes]);
    const touched = clip(this.#dirty, sizeMax).flatMap((range) => sectors(range, step));
    const how = random.below(8);
    const prefix = random.below(touched.length + 1);
    const reach = random.pick([0.1, 0.5, 0.9]);
    for (const [index, sector] of touched.entries()) {
      const isReached =
        how < 2 ? false : how < 4 ? index < prefix : how < 5 || random.chance(reach);
      if (isReached) this.#store(sector);
    }
    if (sizeMax > this.#mediumSize) {
      this.#medium = withRoom(this.#medium, sizeMax);
      this.#mediumSize = sizeMax;
    }
  }

  #store({ from, to }: Range): void {
    this.#medium = withRoom(this.#medium, to);
    this.#medium.set(this.#cache.subarray(from, to), from);
    this.#mediumSize = Math.max(this.#mediumSize, to);
  }

  #cutMedium(size: number): void {
    if (size >= this.#mediumSize) return;
    this.#medium.fill(0, size, this.#mediumSize);
    this.#mediumSize = size;
  }
}

const sectorBytes = 512;
const pageBytes = 4096;

/** The size that a file which grew may have after a power cut: zeros stand where nothing was written. */
function grown(from: number, to: number, random: Prng): number {
  if (to <= from) return from;
  const choice = random.below(3);
  if (choice === 0) return from;
  if (choice === 1) return to;
  const between = Math.ceil(random.between(from, to) / sectorBytes) * sectorBytes;
  return Math.min(to, Math.max(from, between));
}

/** Cut at the medium's units, which are written whole or not at all. */
function sectors({ from, to }: Range, step: number): Range[] {
  const found: Range[] = [];
  for (let at = from; at < to;) {
    const end = Math.min(to, (Math.floor(at / step) + 1) * step);
    found.push({ from: at, to: end });
    at = end;
  }
  return found;
}

function clip(ranges: readonly Range[], size: number): Range[] {
  return ranges
    .filter(({ from }) => from < size)
    .map(({ from, to }) => ({ from, to: Math.min(to, size) }));
}

/** The same bytes, or a larger copy with zeros behind them. */
function withRoom(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  if (size <= bytes.length) return bytes;
  const larger = new Uint8Array(Math.max(size, bytes.length * 2, 256));
  larger.set(bytes);
  return larger;
}
