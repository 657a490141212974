// What one client has seen: a read elsewhere never shows it something older (P12).

import type { Position } from '@pamina/format';
import type { AnswersPlace } from '@pamina/wire';

export class ReadSession {
  #timeline = 0;
  #seq = 0;

  /** Null before anything was seen. */
  get position(): Position | null {
    return this.#timeline === 0 ? null : { timeline: this.#timeline, seq: this.#seq };
  }

  see({ atMost, timeline }: Pick<AnswersPlace, 'atMost' | 'timeline'>): void {
    if (timeline < this.#timeline || (timeline === this.#timeline && atMost <= this.#seq)) return;
    this.#timeline = timeline;
    this.#seq = atMost;
  }

  /** Whether that place may still show something older. */
  isAheadOf({ seq, timeline }: Position): boolean {
    return timeline < this.#timeline || (timeline === this.#timeline && seq < this.#seq);
  }
}
