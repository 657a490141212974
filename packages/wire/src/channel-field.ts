// The parts that several replication messages have, read field by field: nothing from outside is
// used before it was checked (P14).

import {
  FieldReader,
  fileNameLengthMax,
  PaminaError,
  type Timeline,
  validateTimelines,
} from '@pamina/format';
import type { ChannelPoint, ChannelSegment } from './channel-message.js';

const what = 'the replication message';
const timelineIdLength = 16;
const codeLengthMax = 64;
const codePattern = /^[A-Z][A-Z0-9_]*$/;

/** Instances and patterns: 128 bits. */
export const identityLength = 32;

export function readFields(value: unknown): FieldReader {
  return new FieldReader(value, 'MESSAGE_INVALID', what);
}

export function readCountIfPresent(fields: FieldReader, name: string): number | undefined {
  return fields.raw(name) === undefined ? undefined : fields.count(name);
}

export function readErrorCode(fields: FieldReader, name: string): string {
  return fields.text(name, codeLengthMax, codePattern);
}

export function readObject(fields: FieldReader, name: string): Readonly<Record<string, unknown>> {
  const value = fields.raw(name);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fields.invalid(name);
  }
  return value as Record<string, unknown>;
}

export function readTimelines(fields: FieldReader, name: string): readonly Timeline[] {
  try {
    return validateTimelines(fields.raw(name));
  } catch (error) {
    throw new PaminaError('MESSAGE_INVALID', `${what}: ${name} is no history of timelines`, {
      cause: error,
      context: { field: name },
    });
  }
}

export function readPoint(fields: FieldReader, name: string): ChannelPoint {
  const point = readFields(fields.raw(name));
  return {
    timeline: point.uint32('timeline'),
    timelineId: point.hex('timelineId', timelineIdLength),
    seq: point.count('seq'),
    chain: point.uint32('chain'),
    time: point.count('time'),
  };
}

export function readSegmentOrNull(fields: FieldReader, name: string): ChannelSegment | null {
  if (fields.isNull(name)) return null;
  const segment = readFields(fields.raw(name));
  return { name: segment.text('name', fileNameLengthMax), offset: segment.count('offset') };
}
