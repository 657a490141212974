// Hints that an archive got something, where it can tell: a folder. Watched are the log's folder, in which a
// new timeline appears, and the one of the newest timeline.
import { isPaminaError } from '@pamina/format';
import type { Archive } from '@pamina/archive';
import { placePrefix, type ArchivePlace, type SegmentPlace } from '../archiver/archive-layout.js';

export class FolderWatch {
  readonly #archive: Archive;
  readonly #place: ArchivePlace;
  readonly #watched = new Map<string, () => Promise<void>>();
  #newest: string | null = null;
  #onChange: () => void = () => undefined;

  constructor(archive: Archive, place: ArchivePlace) {
    this.#archive = archive;
    this.#place = place;
  }

  noteNewest(segments: readonly Pick<SegmentPlace, 'timeline' | 'timelineId'>[]): void {
    const newest = segments.reduce<(typeof segments)[number] | null>(
      (best, one) => (best === null || one.timeline >= best.timeline ? one : best),
      null,
    );
    this.#newest = newest === null ? null : `${newest.timeline}-${newest.timelineId}`;
  }

  async start(onChange: () => void): Promise<void> {
    this.#onChange = onChange;
    const { watch } = this.#archive;
    if (watch === undefined) return;
    const log = `${placePrefix(this.#place)}log/`;
    const wanted = [log, ...(this.#newest === null ? [] : [`${log}${this.#newest}/`])];
    for (const [prefix, end] of this.#watched) {
      if (wanted.includes(prefix)) continue;
      this.#watched.delete(prefix);
      await end();
    }
    for (const prefix of wanted) {
      if (this.#watched.has(prefix)) continue;
      try {
        const end = await watch.call(this.#archive, prefix, () => this.#onChange());
        this.#watched.set(prefix, end);
      } catch (error) {
        // Not there yet, or no longer: the next look, which comes without a hint, watches it.
        if (!isPaminaError(error, 'FILE_NOT_FOUND')) throw error;
      }
    }
  }

  async close(): Promise<void> {
    const ends = [...this.#watched.values()];
    this.#watched.clear();
    for (const end of ends) await end();
  }
}
