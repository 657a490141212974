// What an archive beside the master leads to: a replica that has it alone comes to its end without being made
// anew, and takes no byte of it twice (P16).

import type { Context, Violation } from './context.js';

export function sources(context: Context): Violation[] {
  const violations: Violation[] = [];
  const say = (index: number, message: string): void => {
    if (!context.isExcused(index)) violations.push({ invariant: 'sources', message, index });
  };
  for (const { database, index, reason, seq, untilSeq, wasMadeAnew } of context.of(
    'led-by-archive',
  )) {
    if (wasMadeAnew) say(index, `${database} was made anew, and the archive led on`);
    if (seq >= untilSeq) continue;
    say(index, `the archive ends with record ${untilSeq}, ${database} with ${seq}: ${reason}`);
  }
  /** Of each segment of each replica: up to where it was stored. */
  const held = new Map<string, Map<string, number>>();
  for (const event of context.events) {
    // What was stored may be lost with the process.
    if (event.type === 'opened' || event.type === 'created') held.delete(event.database);
    if (event.type !== 'archive-received') continue;
    const { bytes, database, index, offset, segment } = event;
    const ends = held.get(database) ?? new Map<string, number>();
    held.set(database, ends);
    const end = ends.get(segment) ?? 0;
    if (offset < end) {
      say(index, `${database} had ${segment} up to byte ${end} and took it again from ${offset}`);
    }
    ends.set(segment, offset + bytes);
  }
  return violations;
}
