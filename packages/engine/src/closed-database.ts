// A database that is closed and stays so while its store is replaced: nobody else can open it, and its
// log is read as opening it would read it.
import { join } from 'node:path';
import { PaminaError, backlogBytesMax, currentTimeline, segmentBytesDefault } from '@pamina/format';
import type { Env, StoreLevel } from '@pamina/env';
import { Log, type ChainPoint } from '@pamina/log';
import { readCheckpoint } from './checkpoint.js';
import type { Control } from './control.js';
import { logFolder, storeFolder } from './create-database.js';
import { JobLog } from './job-log.js';
import { locateDatabase } from './locate-database.js';
import { StateStore } from './state-store.js';
import {
  finishStoreSwap,
  partialStoreFolder,
  rebuiltStoreFolder,
  swapStore,
} from './store-swap.js';

/** Holds LevelDB's lock of the store, not the store: opening that would change what is in it. */
const lockFolder = 'store.rebuild-lock';

export class ClosedDatabase {
  /** Absolute, without symbolic links. */
  readonly folder: string;
  readonly env: Env;
  readonly jobLog: JobLog;
  readonly control: Control;
  readonly #release: () => Promise<void>;

  private constructor(folder: string, env: Env, control: Control, release: () => Promise<void>) {
    this.folder = folder;
    this.env = env;
    this.control = control;
    this.jobLog = new JobLog(env.disk, env.clock, folder);
    this.#release = release;
  }

  /** DATABASE_NOT_FOUND, DATABASE_IN_USE, CONTROL_INVALID. */
  static async open(folder: string, env: Env): Promise<ClosedDatabase> {
    const located = await locateDatabase(folder, env);
    try {
      const unlock = await lockStore(located.path, env);
      const release = async (): Promise<void> => {
        try {
          await unlock();
        } finally {
          await located.release();
        }
      };
      try {
        await located.confirm();
      } catch (error) {
        await unlock();
        throw error;
      }
      return new ClosedDatabase(located.path, env, located.control.current, release);
    } catch (error) {
      await located.release();
      throw error;
    }
  }

  /** Where the new store is built; nothing of an attempt before is left. */
  async makePlace(): Promise<string> {
    const { disk } = this.env;
    await disk.removeTree(join(this.folder, partialStoreFolder));
    await disk.removeTree(join(this.folder, rebuiltStoreFolder));
    return join(this.folder, partialStoreFolder);
  }

  /**
   * Whether a crash came between the two renames of a swap: then the second one is made up for, and the
   * point that the new store stands for is given back.
   */
  async finishSwap(): Promise<ChainPoint | null> {
    if (!(await finishStoreSwap(this.env.disk, this.folder))) return null;
    const store = await StateStore.open(this.env, join(this.folder, storeFolder), {
      create: false,
    });
    try {
      return await store.applied();
    } finally {
      await store.close();
    }
  }

  /** What the store was known to have on disk: the log must reach it. */
  checkpoint(): Promise<ChainPoint> {
    return readCheckpoint(this.env.disk, this.folder, this.control.base);
  }

  /**
   * Reads the log from a point on as opening the database does (P6, P7): a torn tail is cut, what is not
   * proven to be on disk is written again. Gives back the last record. LOG_DAMAGED, LOG_GONE.
   */
  async settleLog(from: ChainPoint): Promise<ChainPoint> {
    const { control, env, folder, jobLog } = this;
    const log = await Log.open({
      disk: env.disk,
      clock: env.clock,
      folder: join(folder, logFolder),
      segmentBytes: segmentBytesDefault,
      backlogBytesMax,
      base: control.base,
      from,
      ownTimelineId: control.type === 'normal' ? currentTimeline(control.timelines).id : null,
      watch: [],
      onEvent: ({ event, message, fields }) => jobLog.write('warning', event, message, fields),
    });
    const { durable } = log;
    await log.close();
    return durable;
  }

  /**
   * Puts the store in `built`, which is whole and synced, in the place of the old one (P8). Gives back
   * where that is kept; null if there was none.
   */
  swapIn(built: string): Promise<string | null> {
    return swapStore(this.env, this.folder, built);
  }

  async close(): Promise<void> {
    await this.jobLog.settle();
    await this.#release();
  }
}

/**
 * LevelDB's lock belongs to the file LOCK: a LevelDB of no content beside, whose LOCK is that same file
 * under a second name, keeps others out of the store without touching it. DATABASE_IN_USE.
 */
async function lockStore(folder: string, env: Env): Promise<() => Promise<void>> {
  const { disk, stores } = env;
  const lock = join(folder, storeFolder, 'LOCK');
  const place = join(folder, lockFolder);
  // Somebody else's rebuild may be under way: its lock is not removed under it.
  const release = await claimPlace(env, folder);
  try {
    await disk.removeTree(place);
    // A store without the file is open nowhere.
    if (!stores.isLevelDb || (await disk.stat(lock)) === null) return release;
    await disk.makeFolder(place);
    await disk.link(lock, join(place, 'LOCK'));
    const level = await openLock(env, place, folder);
    return async () => {
      try {
        await level.close();
        await disk.removeTree(place);
      } finally {
        await release();
      }
    };
  } catch (error) {
    await release();
    throw error;
  }
}

async function claimPlace(env: Env, folder: string): Promise<() => Promise<void>> {
  try {
    return await env.disk.lockFile(join(folder, '.rebuild.lock'), { waitMs: 0 });
  } catch (cause) {
    if (!(cause instanceof PaminaError) || cause.code !== 'TIMEOUT') throw cause;
    const message = `another rebuild of ${folder} is running`;
    throw new PaminaError('DATABASE_IN_USE', message, { cause, context: cause.context });
  }
}

async function openLock(env: Env, place: string, folder: string): Promise<StoreLevel> {
  try {
    return await env.stores.open(place, { create: true });
  } catch (cause) {
    const reason = (cause as { cause?: { code?: unknown } }).cause;
    if (reason?.code !== 'LEVEL_LOCKED') throw cause;
    await env.disk.removeTree(place);
    const context = { path: folder };
    const message = `${folder} is open in another process`;
    throw new PaminaError('DATABASE_IN_USE', message, { cause, context });
  }
}
