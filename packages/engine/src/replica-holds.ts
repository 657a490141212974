// Retention's dealings with replicas: log is kept for each of them up to the caps, who is past one is
// lost before log that it lacks goes, and what is held for one alone is told while it grows (P10).
import { replicaHoldToldBytes } from '@pamina/format';
import type { MaintenanceOptions } from './maintenance.js';
import { firstSeqToKeep, type RetentionNeeds } from './retention.js';
import { type HoldSource, holdsOf, type SlotHold, wouldLose } from './slot-hold.js';
import { type Settings, settingsIn } from './system-data.js';

type Needs = Omit<RetentionNeeds, 'slots' | 'bytesWithoutBackup'>;

export class ReplicaHolds {
  readonly #options: MaintenanceOptions;
  /** From so many held bytes on it is told again. */
  #tellFrom = 0;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
  }

  /** Those whose log goes are lost by then, on disk; whose loss cannot be written down keeps it. */
  async firstSeqToKeep(needs: Needs): Promise<number> {
    const { log } = this.#options.parts;
    const source = this.#source(needs);
    const { holds, firstSeq } = await holdsOf(source);
    const kept = holds.filter(({ state }) => state === 'ok' || state === 'holding');
    for (const hold of holds) {
      if (hold.state !== 'past-cap' || !wouldLose(log, hold.slot, firstSeq)) continue;
      if (!(await this.#lose(hold))) kept.push(hold);
    }
    this.#tell(holds);
    return firstSeqToKeep(log, { ...source.needs, slots: kept.map(({ slot }) => slot) });
  }

  #source(needs: Needs): HoldSource {
    const { env, parts, slots } = this.#options;
    const { clock, disk } = env;
    const settings = settingsIn(parts.reader);
    const bytesWithoutBackup = settings.logBytesWithoutBackup;
    return {
      log: parts.log,
      disk,
      clock,
      slots,
      needs: { ...needs, bytesWithoutBackup },
      settings,
    };
  }

  async #lose({ slot, bytes, pastCap }: SlotHold): Promise<boolean> {
    const { control, jobLog, parts, slots } = this.#options;
    const cap = pastCap ?? 'bytes';
    if (!(await slots.lose(slot.name, { cap, bytes }))) return false;
    const { name } = control.current;
    const limit = capText(settingsIn(parts.reader), cap);
    const message = `The replica ${slot.name} is lost: it has the log up to record ${slot.durable}, and the ${sizeText(bytes)} behind that are not kept for it any more (${limit}). Make it anew with \`pamina replicate ${slot.name} --master ${name} --recreate\`, or forget it with \`pamina deny ${name} ${slot.name}\`.`;
    const fields = { replica: slot.name, durable: slot.durable, bytes, cap };
    jobLog.write('error', 'replica-lost', message, fields);
    return true;
  }

  /** At the first time and each time it has doubled, of who holds most; again from the beginning when it has caught up. */
  #tell(holds: readonly SlotHold[]): void {
    const { control, jobLog, parts } = this.#options;
    const settings = settingsIn(parts.reader);
    const { replicaHoldBytes } = settings;
    // A small cap is told of before it is reached.
    const least = Math.min(replicaHoldToldBytes, replicaHoldBytes / 2 || Infinity);
    const [most] = holds
      .filter(({ state }) => state === 'holding')
      .sort((one, other) => other.bytes - one.bytes);
    if (most === undefined || most.bytes < least) {
      this.#tellFrom = 0;
      return;
    }
    if (most.bytes < this.#tellFrom) return;
    this.#tellFrom = 2 * most.bytes;
    const { name, durable, seenAt } = most.slot;
    const caps = (['bytes', 'age'] as const).map((cap) => capText(settings, cap)).join(', ');
    const message = `The log has grown to ${sizeText(parts.log.bytes)}: ${sizeText(most.bytes)} are held for the replica ${name}, which has it up to record ${durable} and was heard of last at ${new Date(seenAt).toISOString()}. Past a cap it is lost (${caps}). \`pamina deny ${control.current.name} ${name}\` frees the log at once.`;
    jobLog.write('warning', 'log-held', message, { replica: name, durable, bytes: most.bytes });
  }
}

function capText(settings: Settings, cap: 'bytes' | 'age'): string {
  const { replicaHoldBytes, replicaHoldDays } = settings;
  if (cap === 'age') {
    return replicaHoldDays === 0 ? 'no replicaHoldDays' : `replicaHoldDays ${replicaHoldDays}`;
  }
  return replicaHoldBytes === 0
    ? 'no replicaHoldBytes'
    : `replicaHoldBytes ${sizeText(replicaHoldBytes)}`;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function sizeText(bytes: number): string {
  let size = bytes;
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}
