// Who may do what with the databases of a host, as each of them says itself. Of one that is not online it is read once,
// from the folder; while it cannot be opened what was last known of it holds, and if nothing was, nobody is believed.

import type { UserTable } from '@pamina/engine';
import { toPaminaError } from '@pamina/format';
import type { HostCore } from './host-core.js';

/** `unreadable`: it is here, and cannot say. */
export type UserAnswer = UserTable | 'unreadable' | null;

export interface UserSource {
  /**
   * Null: the database is not there, or is being worked on. With `mayWait` it is waited until nobody works on it any
   * more.
   */
  tableOf(database: string, options: { readonly mayWait: boolean }): Promise<UserAnswer>;
  /** Of all databases that are here. */
  names(): Promise<string[]>;
}

interface Known {
  readonly instance: string;
  readonly table: UserTable;
  /** When it had gone offline; undefined while it was online. Users do not change between then and its next start. */
  readonly offlineSince: number | null | undefined;
}

export class UserTables implements UserSource {
  readonly #core: HostCore;
  readonly #known = new Map<string, Known>();

  constructor(core: HostCore) {
    this.#core = core;
  }

  names(): Promise<string[]> {
    return this.#core.names();
  }

  async tableOf(database: string, { mayWait }: { readonly mayWait: boolean }): Promise<UserAnswer> {
    const online = this.#core.online.get(database);
    if (online === undefined) return this.#offlineTable(database, mayWait);
    const { instance } = online.database.control;
    const release = online.use();
    try {
      const table = await online.database.system.users.table();
      this.#known.set(database, { instance, table, offlineSince: undefined });
      return table;
    } catch (error) {
      return this.#asKnown(database, error);
    } finally {
      release();
    }
  }

  /** Its users have changed. */
  async read(database: string): Promise<void> {
    this.#known.delete(database);
    await this.tableOf(database, { mayWait: true });
  }

  async #offlineTable(database: string, mayWait: boolean): Promise<UserAnswer> {
    const core = this.#core;
    const known = this.#known.get(database);
    if (!mayWait && core.turns.isHeld(database)) return known?.table ?? null;
    try {
      const { instance } = await core.control(database);
      const offlineSince = core.stoppedAt.get(database) ?? null;
      const isSame = known?.instance === instance;
      if (isSame && known.offlineSince === offlineSince) return known.table;
      const table = await core.use(database, 'read', (held) => held.database.system.users.table());
      this.#known.set(database, { instance, table, offlineSince });
      return table;
    } catch (error) {
      return this.#asKnown(database, error);
    }
  }

  #asKnown(database: string, error: unknown): UserAnswer {
    const { code } = toPaminaError(error);
    if (code === 'INTERNAL') throw error;
    if (code === 'DATABASE_NOT_FOUND' || code === 'NAME_INVALID') {
      this.#known.delete(database);
      return null;
    }
    return this.#known.get(database)?.table ?? 'unreadable';
  }
}
