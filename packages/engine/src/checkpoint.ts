// The checkpoint: the point up to which the store is known to be on disk. After an unclean close
// replay starts here and not at the applied position, which LevelDB may show without what came before.
import { join } from 'node:path';
import type { Disk } from '@pamina/env';
import type { ChainPoint } from '@pamina/log';
import { controlInvalid, parseFields, printChecked, verified } from './checked-json.js';
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
  const { seq, chain, time } = verified(parseFields(bytes, path), path);
  if ([seq, chain, time].every((value) => Number.isSafeInteger(value) && (value as number) >= 0)) {
    return { seq, chain, time } as unknown as ChainPoint;
  }
  throw controlInvalid(path, 'it does not hold a point');
}

/** `applied` must have been read from the applier before the call. */
export async function publishCheckpoint(
  disk: Disk,
  folder: string,
  store: StateStore,
  applied: ChainPoint,
): Promise<void> {
  await store.syncLogs();
  const { seq, chain, time } = applied;
  await disk.replaceFile(join(folder, fileName), printChecked({ seq, chain, time }));
}
