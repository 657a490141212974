// A replica that is reset, and a copy that is started for the first time, become normal databases on a
// timeline of their own. From the moment that control.json says so it holds: what the log still lacks
// (the trailer of its open segment, under a name on the new timeline) is made up for at each open.
import type { Env } from '@pamina/env';
import { takeoverIn } from '@pamina/format';
import type { ControlFile } from './control-file.js';
import type { Takeover } from './control.js';
import { newTimeline } from './create-database.js';
import type { JobLog } from './job-log.js';

export interface TimelineOwner {
  readonly env: Env;
  readonly control: ControlFile;
  readonly jobLog: JobLog;
}

/**
 * `atSeq` is the last record that the new timeline shares with the history before it; `begun` the takeover
 * that it is for, if that is not noted yet.
 */
export async function startTimeline(
  owner: TimelineOwner,
  atSeq: number,
  why: string,
  begun: Takeover | null = null,
): Promise<void> {
  const { env, control, jobLog } = owner;
  const { archives = [], fence = null, name, timelines, master, type } = control.current;
  const takeover = begun ?? control.current.takeover ?? null;
  const timeline = newTimeline(env, timelines, atSeq, why);
  await control.update({
    type: 'normal',
    timelines: [...timelines.filter((one) => one.atSeq <= atSeq), timeline],
    master: null,
    readOnly: false,
    simultaneousQuery: false,
    formerMaster: master,
    apply: null,
    sourceArchive: null,
    // What was restored in the place of a database that may not write may not either (P11).
    fence: type === 'replica' ? null : fence,
    // One that was begun and given up is not that of the history that begins here.
    takeover: takeover !== null && takeoverIn({ why })?.of === takeover.of ? takeover : null,
    // What an archive has of the history that is given up is not the log of this one.
    archives: archives.map((one) => ({ ...one, fromSeq: Math.min(one.fromSeq, atSeq + 1) })),
  });
  const message = `${name} is a normal database on timeline ${timeline.timeline} (${timeline.id}), forked after record ${atSeq}: ${why}.`;
  jobLog.write('info', 'timeline-started', message, { ...timeline });
}
