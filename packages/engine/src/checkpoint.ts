// The checkpoint: the point up to which the store is known to be on disk. After an unclean close
// replay starts here and not at the applied position, which LevelDB may show without what came before.
import { join } from 'node:path';
import { PaminaError } from '@pamina/format';
import type { Disk } from '@pamina/env';
import type { ChainPoint } from '@pamina/log';
import type { StateStore } from './state-store.js';

const fileName = 'checkpoint.json';

/** `base` when no checkpoint was published yet. CONTROL_INVALID. */
export async function readCheckpoint(
  disk: Disk,
  folder: string,
  base: ChainPoint,
): Promise<ChainPoint> {
  const path = join(folder, fileName);
  const bytes = await disk.readFileIfPresent(path);
  if (bytes === null) return base;
  try {
    const point = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    const { seq, chain, time } = point;
    if (
      [seq, chain, time].every((value) => Number.isSafeInteger(value) && (value as number) >= 0)
    ) {
      return { seq, chain, time } as unknown as ChainPoint;
    }
  } catch (cause) {
    throw new PaminaError('CONTROL_INVALID', `${path} is not JSON`, { cause });
  }
  throw new PaminaError('CONTROL_INVALID', `${path} does not hold a point`);
}

/** `applied` must have been read from the applier before the call. */
export async function publishCheckpoint(
  disk: Disk,
  folder: string,
  store: StateStore,
  applied: ChainPoint,
): Promise<void> {
  await store.syncLogs();
  const text = `${JSON.stringify({ seq: applied.seq, chain: applied.chain, time: applied.time })}\n`;
  await disk.replaceFile(join(folder, fileName), new TextEncoder().encode(text));
}
