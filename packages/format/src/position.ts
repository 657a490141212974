// A position names one state of a database: a timeline and the last record applied on it.
// It is what users hold as a token, so there is exactly one text for each position.
import { PaminaError } from './pamina-error.js';

/** `seq` is the last record that is part of the state; 0 is the state before the first record. */
export interface Position {
  /** Number of the timeline, 1 to 2^32 - 1. */
  readonly timeline: number;
  /** Last record included, 0 to 2^53 - 1. */
  readonly seq: number;
}

const positionPattern = /^([1-9][0-9]{0,9})\/(0|[1-9][0-9]{0,15})$/;
const timelineMax = 0xffff_ffff;

/** `1/48213` */
export function formatPosition(position: Position): string {
  return `${position.timeline}/${position.seq}`;
}

/** The inverse of `formatPosition`. Throws POSITION_INVALID. */
export function parsePosition(text: string): Position {
  const match = typeof text === 'string' ? positionPattern.exec(text) : null;
  const timeline = Number(match?.[1]);
  const seq = Number(match?.[2]);
  if (match === null || timeline > timelineMax || !Number.isSafeInteger(seq)) {
    throw new PaminaError('POSITION_INVALID', `${quote(text)} is not a position`);
  }
  return { timeline, seq };
}

function quote(text: unknown): string {
  return typeof text === 'string'
    ? JSON.stringify(text.slice(0, 80))
    : `a value of type ${typeof text}`;
}
