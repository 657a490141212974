// The archive of one run: a folder on a disk of its own, plugged into whichever machine writes to it or
// reads from it. It outlives all of them.

import { openArchive, type Archive } from '@pamina/archive';
import { ArchiverRunner, changeArchives } from '@pamina/backup';
import type { Database, SourceArchive } from '@pamina/engine';
import type { History, PlaceContent } from './history.js';
import { contentOfArchive } from './place-content.js';
import type { Host } from './world/host.js';
import type { World } from './world/world.js';

/** What the database calls it. */
const settingName = 'away';

export class ArchiveHost {
  readonly host: Host;
  readonly folder = '/data/archive';
  readonly #intervalMs: number;

  constructor(world: World, intervalMs: number) {
    this.host = world.host('archive');
    this.#intervalMs = intervalMs;
  }

  /** As the process that runs on `by` sees it. */
  open(by: Host, options: { create?: boolean; signal?: AbortSignal } = {}): Promise<Archive> {
    const { create = false, signal } = options;
    const place = { env: by.envOn(this.host), address: this.folder, environment: {} };
    return openArchive({ ...place, encryption: null, create, signal });
  }

  /** Resolves when the place is an archive and the database knows it, which a first call sees to. */
  async startArchiver(by: Host, database: Database): Promise<ArchiverRunner> {
    // What an old master has archived stays its own, whoever has its name.
    const { name } = by;
    const isKnown = (database.control.archives ?? []).length > 0;
    if (!isKnown) {
      await this.open(by, { create: true });
      const fromSeq = database.log.firstSeq;
      const keys = { recipients: null, identityFile: null, credentialsFile: null };
      const place = { name: settingName, address: this.folder, database: name };
      await changeArchives(database, () => [{ ...place, ...keys, fromSeq }]);
    }
    const setting = database.control.archives?.[0];
    if (setting === undefined) throw new Error(`${name} has no archive`);
    const archiver = new ArchiverRunner({
      database,
      setting,
      intervalMs: this.#intervalMs,
      open: (_setting, signal) => this.open(by, { signal }),
    });
    archiver.start();
    return archiver;
  }

  /** As a replica has it beside its master, whose log stands there under that name. */
  besideMaster(database: string, rule: Pick<SourceArchive, 'afterMs' | 'pollMs'>): SourceArchive {
    const { afterMs, pollMs } = rule;
    const keys = { identityFile: null, credentialsFile: null };
    return { address: this.folder, database, ...keys, afterMs, pollMs };
  }

  /** What its files say of a database, which is also written down. */
  observe(history: History, name: string): PlaceContent {
    const content = contentOfArchive(this.host.disk, this.folder, name, history.knownRecords);
    history.add({ type: 'place-read', database: name, source: 'archive', content });
    return content;
  }
}
