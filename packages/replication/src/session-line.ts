// The line of the job log with which the replication of a log space begins, in these words (DESIGN §7).
import type { SegmentHeader } from '@pamina/format';
import type { JobLogWriter } from './contract.js';

export class SessionLine {
  readonly #jobLog: JobLogWriter;
  #announced = '';

  constructor(jobLog: JobLogWriter) {
    this.#jobLog = jobLog;
  }

  /**
   * Once for each log space, and again where its segments begin to carry lock data, or do so no more: without it
   * queries cannot be kept apart from the master's transactions. `isWanted`: the replica's own setting.
   */
  announce(segment: SegmentHeader, isWanted: boolean): void {
    const isQueryPermitted = isWanted && segment.lockData;
    const logSpace = `${segment.timelineId}/${segment.session} ${isQueryPermitted}`;
    if (logSpace === this.#announced) return;
    this.#announced = logSpace;
    const start = new Date(segment.startTime).toISOString().slice(0, 19).replace('T', ' ');
    this.#jobLog.write(
      isQueryPermitted ? 'info' : 'warning',
      'replication-session',
      `Replication of server session ${segment.session} from ${start} started. ` +
        `Simultaneous query ${isQueryPermitted ? 'permitted' : 'not permitted'}.`,
      { session: segment.session, timeline: segment.timeline, startTime: segment.startTime },
    );
  }
}
