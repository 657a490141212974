// Restores a backup of any form from a folder of backups and nothing else: an incremental one over what it
// continues.
import {
  folderPlace,
  folderSource,
  planRecovery,
  recoverTo,
  restore,
  verifyBackup,
} from '@pamina/backup';
import type { Env } from '@pamina/env';

/** The new database lies in `folder` and is unassigned. */
export async function restoreAny(
  env: Env,
  backups: string,
  id: string,
  folder: string,
): Promise<void> {
  const source = folderSource(env, `${backups}/${id}`);
  const { manifest } = await verifyBackup(source);
  const name = 'restored';
  if (manifest.after === undefined) {
    await restore({ env, source, folder, name });
    return;
  }
  const place = await folderPlace(env, backups);
  const target = { kind: 'position', position: manifest.position } as const;
  await recoverTo({ env, plan: await planRecovery({ place, target }), folder, name });
}
