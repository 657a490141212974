// What can be asked of a database that is open, without changing it: its parts and how far they are.
import type { PaminaError, Timeline } from '@pamina/format';
import type { Log } from '@pamina/log';
import type { Control } from './control.js';
import type { DatabaseParts } from './database-parts.js';
import { pointOf, type LogPoint } from './log-point.js';
import type { ReplicaQueries } from './replica-queries.js';
import type { RunningDatabase } from './running-database.js';
import type { SlotTable } from './slots.js';
import type { StateReader } from './state-reader.js';
import type { StateStore } from './state-store.js';

export abstract class DatabaseView {
  abstract readonly control: Control;
  /** Another one after a reset. */
  protected abstract readonly running: RunningDatabase;

  get identity(): { readonly pattern: string | null; readonly instance: string } {
    const { pattern, instance } = this.control;
    return { pattern, instance };
  }

  get timelines(): readonly Timeline[] {
    return this.control.timelines;
  }

  get log(): Log {
    return this.parts.log;
  }

  /** LevelDB behind the database; keys carry their prefix byte. It may lag behind what is acknowledged. */
  get store(): StateStore {
    return this.parts.store;
  }

  /** Reads of the state after the last acknowledged commit, or, on a replica, the last applied one. */
  get reader(): StateReader {
    return this.parts.reader;
  }

  get slots(): SlotTable {
    return this.running.slots;
  }

  /** The session that is running, else that of the last session record that is applied, or of the base. */
  get session(): number {
    const applied = Math.max(this.control.session, this.store.lastSession);
    return this.running.session?.number ?? applied;
  }

  /** Whether the log carries lock data. */
  get lockData(): boolean {
    return this.running.session?.lockData ?? false;
  }

  /** Of a replica that is open for writing: queries beside replay. */
  get queries(): ReplicaQueries | null {
    return this.running.replica?.queries ?? null;
  }

  /** The last record that is in the store. */
  applied(): LogPoint {
    return pointOf(this.parts.applier.applied, this.control.timelines);
  }

  /** Why nothing is applied until the disk has space again; null while it has. */
  get stuck(): PaminaError | null {
    return this.parts.applier.stuck;
  }

  /** The last record that is in the log on this disk. */
  durable(): LogPoint {
    return pointOf(this.parts.log.durable, this.control.timelines);
  }

  whenApplied(seq: number): Promise<void> {
    return this.parts.applier.whenApplied(seq);
  }

  /** Calls `settle` once, when record `seq` is applied or cannot be. Returns the cancellation. */
  onApplied(seq: number, settle: (error: PaminaError | null) => void): () => void {
    return this.parts.applier.onApplied(seq, settle);
  }

  /** The last record that a read sees. */
  get visibleSeq(): number {
    return this.reader.visibleSeq;
  }

  protected get parts(): DatabaseParts {
    return this.running.parts;
  }
}
