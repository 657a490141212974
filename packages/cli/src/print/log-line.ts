// One record of the log as one line: position, time, kind, bytes, then what is in it, shortened.
import type { LogLine, LogOperation } from '@pamina/wire';
import { formatBytes, formatTimeExactly, printable, shorten } from './units.js';

const keyCharactersMax = 40;
const keysShownMax = 4;
const bodyCharactersMax = 160;

export function logLineText(line: LogLine): string {
  const start = [
    line.position.padEnd(10),
    formatTimeExactly(line.time),
    line.kind.padEnd(9),
    formatBytes(line.bytes).padStart(9),
  ].join('  ');
  return `${start}  ${contents(line)}`.trimEnd();
}

function contents(line: LogLine): string {
  if (line.operationCount === null) {
    return line.body === null || line.body === undefined
      ? ''
      : shorten(printable(JSON.stringify(line.body)), bodyCharactersMax);
  }
  const shown = line.operations.slice(0, keysShownMax).map(operationText);
  const more = line.operationCount - shown.length;
  if (more > 0) shown.push(`and ${more} more`);
  return shown.join(', ');
}

function operationText(operation: LogOperation): string {
  const space = operation.space === 'user' ? '' : `${operation.space}:`;
  return `${operation.type} ${space}${shorten(printable(operation.key), keyCharactersMax)}`;
}
