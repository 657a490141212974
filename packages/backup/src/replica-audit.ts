// Compares a replica with its master, in the background and without a connection: the state at the
// mark of each backup against the hash that the master recorded of its own (P3). It finds damage that
// LevelDB does not notice, on either side.
import { join } from 'node:path';
import { toPaminaError, type AuditBody, type MarkBody, type PaminaError } from '@pamina/format';
import type { Env } from '@pamina/env';
import type { AuditWatcher } from '@pamina/engine';
import type { JobLogWriter, StateSnapshot } from './contract.js';
import { pacerOf } from './pacer.js';
import { readNoted, writeNoted } from './noted-json.js';
import { hashState } from './state-hash.js';
import { clearStoreDamage, noteStoreDamage, readStoreDamage } from './store-damage.js';

export interface AuditOutcome {
  readonly result: 'equal' | 'different' | 'skipped';
  /** Id of the master's backup. */
  readonly backup: string;
  /** Record that the compared state stands at. */
  readonly seq: number;
  /** Why it was skipped; null otherwise. */
  readonly reason: string | null;
  /** Of this replica; null if it was skipped. */
  readonly stateHash: string | null;
  /** What the master recorded; null if that was not heard of. */
  readonly expected: string | null;
  /** ms since 1970 */
  readonly at: number;
}

/** The replica that is audited. */
export interface AuditedReplica {
  readonly folder: string;
  readonly env: Env;
  readonly jobLog: JobLogWriter;
  /** Rises while log comes in, which the reading of the state gives way to. */
  durable(): { readonly seq: number };
  watchAudits(watcher: AuditWatcher): () => void;
}

/** A snapshot keeps LevelDB from letting go of what was written over. */
const auditMsMax = 10 * 60 * 1000;
const fileName = 'audit.json';

interface Running {
  readonly backup: string;
  readonly seq: number;
  readonly snapshot: StateSnapshot;
  readonly ending: AbortController;
  readonly cancelTimer: () => void;
  expected: string | null;
  isHashing: boolean;
}

export class ReplicaAudit implements AuditWatcher {
  readonly #replica: AuditedReplica;
  readonly #unwatch: () => void;
  #running: Running | null = null;
  #work: Promise<void> = Promise.resolve();

  private constructor(replica: AuditedReplica) {
    this.#replica = replica;
    this.#unwatch = replica.watchAudits(this);
  }

  /** Until close(), which comes before the database's. */
  static attach(replica: AuditedReplica): ReplicaAudit {
    return new ReplicaAudit(replica);
  }

  mark({ backup }: MarkBody, seq: number, state: StateSnapshot | PaminaError): void {
    this.#end('the mark of the next backup came first');
    if (state instanceof Error) {
      this.#skipped(
        { backup, seq, expected: null },
        `there is no state at the mark: ${state.message}`,
      );
      return;
    }
    const cancelTimer = this.#replica.env.clock.after(auditMsMax, () =>
      this.#end('it took longer than 10 minutes'),
    );
    const ending = new AbortController();
    this.#running = {
      backup,
      seq,
      snapshot: state,
      ending,
      cancelTimer,
      expected: null,
      isHashing: false,
    };
  }

  audit({ backup, seq, stateHash }: AuditBody): void {
    const running = this.#running;
    if (running === null || running.seq !== seq || running.backup !== backup) {
      const why = 'its mark was applied before this database was opened';
      this.#skipped({ backup, seq, expected: stateHash }, why);
      return;
    }
    running.expected = stateHash;
    running.isHashing = true;
    this.#go(() => this.#compare(running, stateHash));
  }

  /** Resolves when what runs has ended and is noted. */
  async close(): Promise<void> {
    this.#unwatch();
    this.#end('the database was closed');
    await this.#work;
  }

  /** Resolves when everything that was heard of so far is noted. */
  settle(): Promise<void> {
    return this.#work;
  }

  async #compare(running: Running, expected: string): Promise<void> {
    const { backup, seq, snapshot, ending } = running;
    try {
      const { env } = this.#replica;
      const pacer = pacerOf(env.clock, () => this.#replica.durable().seq);
      const { stateHash } = await hashState(snapshot, { signal: ending.signal, pacer });
      const result = stateHash === expected ? 'equal' : 'different';
      if (this.#running === running) this.#running = null;
      await this.#note({ result, backup, seq, reason: null, stateHash, expected });
    } catch (error) {
      if (this.#running === running) this.#running = null;
      const reason = ending.signal.aborted ? String(ending.signal.reason) : String(error);
      await this.#note({ result: 'skipped', backup, seq, reason, stateHash: null, expected });
    } finally {
      running.cancelTimer();
      await snapshot.close();
    }
  }

  /** What runs gives way. */
  #end(reason: string): void {
    const running = this.#running;
    if (running === null) return;
    this.#running = null;
    running.cancelTimer();
    running.ending.abort(reason);
    // A comparison that is under way says itself that it was broken off.
    if (running.isHashing) return;
    this.#skipped(running, reason);
    this.#go(() => running.snapshot.close());
  }

  #skipped(
    { backup, seq, expected }: Pick<Running, 'backup' | 'seq' | 'expected'>,
    reason: string,
  ): void {
    this.#go(() =>
      this.#note({ result: 'skipped', backup, seq, reason, stateHash: null, expected }),
    );
  }

  async #note(found: Omit<AuditOutcome, 'at'>): Promise<void> {
    const { env, folder, jobLog } = this.#replica;
    const outcome: AuditOutcome = { ...found, at: env.clock.now() };
    const level = { equal: 'info', different: 'error', skipped: 'warning' } as const;
    jobLog.write(level[found.result], `audit-${found.result}`, messageOf(found), { ...outcome });
    const before = await readAudit(env, folder);
    // A difference is not forgotten because nothing was compared since (P9).
    if (found.result === 'skipped' && before?.result === 'different') return;
    await writeNoted(env.disk, join(folder, fileName), outcome);
    await this.#judgeStore(found);
  }

  /**
   * Which of the two stores is damaged nobody can tell from here: this one is held for it until it is
   * proved. One that is equal again clears what a comparison alone said, not what its own files say.
   */
  async #judgeStore({ backup, result, seq }: Omit<AuditOutcome, 'at'>): Promise<void> {
    const { env, folder } = this.#replica;
    if (result === 'different') {
      const message = `its state at record ${seq}, the mark of backup ${backup}, is not what the master had there`;
      await noteStoreDamage(this.#replica, { found: 'audit', message });
    }
    if (result === 'equal' && (await readStoreDamage(env, folder))?.found === 'audit') {
      const proof = `its state at record ${seq} is what the master had there`;
      await clearStoreDamage(this.#replica, proof);
    }
  }

  #go(step: () => Promise<void>): void {
    this.#work = this.#work.then(step).catch((error: unknown) => {
      const { code, message } = toPaminaError(error);
      const text = `The result of an audit could not be noted: ${message}.`;
      this.#replica.jobLog.write('warning', 'audit-failed', text, { code });
    });
  }
}

/** What a replica found last; null if it never compared anything. */
export async function readAudit(env: Env, folder: string): Promise<AuditOutcome | null> {
  const noted = await readNoted(env.disk, join(folder, fileName));
  return noted as AuditOutcome | null;
}

function messageOf({ backup, reason, result, seq }: Omit<AuditOutcome, 'at'>): string {
  const what = `The state at record ${seq}, the mark of backup ${backup},`;
  if (result === 'equal') return `${what} is what the master had there.`;
  if (result === 'skipped') return `${what} was not compared with the master's: ${reason}.`;
  return `${what} is NOT what the master had there: this store or the master's is damaged.`;
}
