// The archives in control.json: changed one change after the other, since several archivers note there
// how far each is.
import type { ArchiveSetting, Control } from '@pamina/engine';

export interface DatabaseWithArchives {
  readonly control: Control;
  updateControl(change: {
    readonly archives?: readonly ArchiveSetting[];
    readonly saidUntil?: number;
  }): Promise<unknown>;
}

const changing = new WeakMap<DatabaseWithArchives, Promise<unknown>>();

/** `change` gets the list as it is then, and gives the new one. */
export function changeArchives(
  database: DatabaseWithArchives,
  change: (archives: readonly ArchiveSetting[]) => readonly ArchiveSetting[],
): Promise<void> {
  const before = changing.get(database) ?? Promise.resolve();
  const done = before.then(async () => {
    const archives = database.control.archives ?? [];
    const changed = change(archives);
    if (changed !== archives) await database.updateControl({ archives: changed });
  });
  changing.set(
    database,
    done.catch(() => {
      // Whoever asked for the change hears of it; the next one starts from what is on disk.
    }),
  );
  return done;
}
