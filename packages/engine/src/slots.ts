// Slots: how far each replica that was seen here has come. Retention keeps the log that they need
// (P10). Kept in memory, written to disk now and then: an older position only keeps more log.
import { join } from 'node:path';
import { validateName } from '@pamina/format';
import type { Clock, Disk } from '@pamina/env';
import { controlInvalid, parseFields, printChecked, verified } from './checked-json.js';

export interface SlotPositions {
  readonly received: number;
  readonly durable: number;
  readonly applied: number;
}

/** What is held for one replica has a cap by size and one by age. */
export type HoldCap = 'bytes' | 'age';

/** The log that a replica needed passed a cap: nothing is held for it any more. */
export interface LostSlot {
  /** ms since 1970. */
  readonly at: number;
  readonly cap: HoldCap;
  /** Of closed segments, which were held for it until then. */
  readonly bytes: number;
}

export interface Slot extends SlotPositions {
  readonly name: string;
  readonly instance: string;
  /** ms since 1970. */
  readonly seenAt: number;
  /** When its durable position rose last, ms since 1970; left out by older versions. */
  readonly progressedAt?: number;
  /** Left out while log is held for it. */
  readonly lost?: LostSlot;
}

const writeIntervalMs = 1000;

export class SlotTable {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #folder: string;
  /** On the monotonic clock. */
  readonly openedMs: number;
  readonly #slots = new Map<string, Slot>();
  readonly #unsaved = new Set<string>();
  #timer: (() => void) | null = null;
  #saving: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  private constructor(disk: Disk, clock: Clock, folder: string) {
    this.#disk = disk;
    this.#clock = clock;
    this.#folder = folder;
    this.openedMs = clock.monotonic();
  }

  /** CONTROL_INVALID if a slot cannot be read. */
  static async open(disk: Disk, clock: Clock, databaseFolder: string): Promise<SlotTable> {
    const folder = join(databaseFolder, 'slots');
    const table = new SlotTable(disk, clock, folder);
    if ((await disk.stat(folder)) === null) return table;
    for (const entry of await disk.list(folder)) {
      if (!entry.name.endsWith('.json')) continue;
      const slot = parseSlot(
        join(folder, entry.name),
        await disk.readFile(join(folder, entry.name)),
      );
      table.#slots.set(slot.name, slot);
    }
    return table;
  }

  /** By the name of the replica. */
  list(): Slot[] {
    return [...this.#slots.values()];
  }

  /** Why the last slot could not be written; null when all is well. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Positions are sequence numbers. */
  report(instance: string, name: string, positions: SlotPositions): void {
    validateName(name);
    const before = this.#slots.get(name);
    const seenAt = this.#clock.now();
    const hasRisen = before === undefined || positions.durable > before.durable;
    const progressedAt = hasRisen ? seenAt : (before.progressedAt ?? before.seenAt);
    // Who is lost stays so: only a new connection that finds its log here takes it back.
    const lost = before?.lost === undefined ? {} : { lost: before.lost };
    this.#slots.set(name, { ...positions, name, instance, seenAt, progressedAt, ...lost });
    this.#unsaved.add(name);
    // A slot that a crash forgets keeps no log (P10): the first one is on disk at once.
    if (before === undefined) {
      void this.save();
      return;
    }
    this.#timer ??= this.#clock.after(writeIntervalMs, () => {
      this.#timer = null;
      void this.save();
    });
  }

  /** Since when and why nothing is held for a replica; null while its slot holds, or there is none. */
  lost(name: string): LostSlot | null {
    return this.#slots.get(name)?.lost ?? null;
  }

  /** Nothing is held for it any more. False, and it holds on, if that cannot be written down. */
  async lose(name: string, lost: Omit<LostSlot, 'at'>): Promise<boolean> {
    const before = this.#slots.get(name);
    if (before === undefined) return true;
    this.#slots.set(name, { ...before, lost: { at: this.#clock.now(), ...lost } });
    this.#unsaved.add(name);
    await this.save();
    if (this.#failure === null) return true;
    await this.takeBack(name);
    return false;
  }

  /** The replica is connected and its log is pinned: its slot holds again. */
  async takeBack(name: string): Promise<void> {
    const slot = this.#slots.get(name);
    if (slot?.lost === undefined) return;
    const { lost: _, ...held } = slot;
    this.#slots.set(name, held);
    this.#unsaved.add(name);
    await this.save();
  }

  async forget(name: string): Promise<void> {
    validateName(name);
    this.#slots.delete(name);
    await this.#saving;
    this.#unsaved.delete(name);
    await this.#disk.removeTree(this.#path(name));
  }

  /** Writes what is unsaved; never rejects, see failure. */
  save(): Promise<void> {
    this.#saving = this.#saving.then(() => this.#save());
    return this.#saving;
  }

  async close(): Promise<void> {
    this.#timer?.();
    this.#timer = null;
    await this.save();
  }

  #path(name: string): string {
    return join(this.#folder, `${name}.json`);
  }

  async #write(slot: Slot): Promise<void> {
    await this.#disk.replaceFile(this.#path(slot.name), printChecked(slot));
  }

  async #save(): Promise<void> {
    try {
      if (this.#unsaved.size > 0) await this.#disk.makeFolder(this.#folder);
      for (const name of [...this.#unsaved]) {
        const slot = this.#slots.get(name);
        if (slot !== undefined) await this.#write(slot);
        // Reported again meanwhile: the newer one is still to be written.
        if (this.#slots.get(name) === slot) this.#unsaved.delete(name);
      }
      this.#failure = null;
    } catch (error) {
      // The slot in memory still holds retention; status shows the failure.
      this.#failure = error;
    }
  }
}

function parseSlot(path: string, bytes: Uint8Array): Slot {
  const slot = verified(parseFields(bytes, path), path);
  const numbers = ['received', 'durable', 'applied', 'seenAt'];
  const isValid =
    typeof slot['name'] === 'string' &&
    typeof slot['instance'] === 'string' &&
    numbers.every((field) => Number.isSafeInteger(slot[field])) &&
    (slot['progressedAt'] === undefined || Number.isSafeInteger(slot['progressedAt'])) &&
    (slot['lost'] === undefined || isLost(slot['lost']));
  if (!isValid) throw controlInvalid(path, 'it does not hold a slot');
  return slot as unknown as Slot;
}

function isLost(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { at, bytes, cap } = value as Record<string, unknown>;
  return (
    Number.isSafeInteger(at) && Number.isSafeInteger(bytes) && (cap === 'bytes' || cap === 'age')
  );
}
