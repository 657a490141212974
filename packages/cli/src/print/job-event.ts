// One event of the job log as one line.
import type { JobEvent } from '@pamina/wire';
import { formatTime, printable } from './units.js';

export function jobEventText(event: JobEvent): string {
  const level = event.level.toUpperCase().padEnd(7);
  return `${formatTime(event.time)}  ${level}  ${printable(event.event)}: ${printable(event.message)}`;
}
