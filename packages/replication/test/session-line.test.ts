// The line with which the replication of a log space begins in a replica's job log.
import type { SegmentHeader } from '@pamina/format';
import { expect, it } from 'vitest';
import { SessionLine } from '../src/session-line.js';
import { first } from './fixture.js';

const header = (change: Partial<SegmentHeader> = {}): SegmentHeader => ({
  ...{ pattern: 'ab'.repeat(16), timeline: 1, timelineId: first.id, session: 37 },
  ...{ firstSeq: 48_213, chainBefore: 7, startTime: Date.UTC(2026, 6, 29, 13, 38, 5) },
  lockData: true,
  ...change,
});

it('P9 says in DESIGN’s words whether simultaneous query is permitted, once for each log space and where that changes', () => {
  const lines: string[] = [];
  const line = new SessionLine({
    write: (level, _event, message) => lines.push(`${level} ${message}`),
  });
  line.announce(header(), true);
  line.announce(header({ firstSeq: 50_000 }), true);
  line.announce(header({ lockData: false }), true);
  line.announce(header({ lockData: false }), true);
  line.announce(header({ session: 38 }), false);
  line.announce(header({ timelineId: '22'.repeat(8), session: 38 }), false);
  const began = 'from 2026-07-29 13:38:05 started.';
  expect(lines).toEqual([
    `info Replication of server session 37 ${began} Simultaneous query permitted.`,
    `warning Replication of server session 37 ${began} Simultaneous query not permitted.`,
    `warning Replication of server session 38 ${began} Simultaneous query not permitted.`,
    `warning Replication of server session 38 ${began} Simultaneous query not permitted.`,
  ]);
});
