// A history as lines for people: one event a line, what matters of it, and of a long one the part that
// leads to a violation.

import type { LoggedRecord, PlaceContent, Point, Recorded } from './history.js';
import type { Violation } from './invariant/context.js';
import type { Plan } from './plan.js';

/** Shown before a violation, when the history is shortened. */
const shownBefore = 40;
const quiet: ReadonlySet<string> = new Set([
  'progress',
  'read-invoked',
  'read-answered',
  'log-read',
  'place-read',
]);

export function describePlan(plan: Plan): string {
  const { actions, seed, ...settings } = plan;
  const words = Object.entries(settings).map(([name, value]) => `${name} ${wordOf(value)}`);
  const steps = actions.map(({ name, afterMs }) => `${name} after ${afterMs}`);
  return `seed ${seed}: ${words.join(', ')}\n  actions: ${steps.join(', ')}`;
}

function wordOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function describeViolation({ invariant, message, index }: Violation): string {
  return `${invariant} (event ${index}): ${message}`;
}

/** All events, or those that lead to the first violation. */
export function describeHistory(
  events: readonly Recorded[],
  violations: readonly Violation[],
  isWhole: boolean,
): string[] {
  const last = isWhole ? events.length - 1 : (violations[0]?.index ?? events.length - 1);
  const chosen = events.filter(
    (event) => event.index <= last && (isWhole || event.index === last || !quiet.has(event.type)),
  );
  const shown = isWhole ? chosen : chosen.slice(-shownBefore);
  const lines = shown.map((event) => describeEvent(event));
  if (shown.length < chosen.length)
    lines.unshift(`… ${chosen.length - shown.length} events before`);
  return lines;
}

function describeEvent(event: Recorded): string {
  const { index, at, type, ...fields } = event;
  const words = Object.entries(fields).map(([name, value]) => `${name} ${textOf(name, value)}`);
  return `${String(index).padStart(5)} ${at.toFixed(1).padStart(9)} ms  ${type}: ${words.join(', ')}`;
}

function textOf(name: string, value: unknown): string {
  if (value instanceof Map) return `{${[...value].map((entry) => entry.join('=')).join(' ')}}`;
  if (name === 'records') return spanOf(value as readonly LoggedRecord[]);
  if (name === 'content') return contentText(value as PlaceContent);
  if (name === 'contents') return (value as PlaceContent[]).map(contentText).join(', then ');
  if (name === 'files') return String((value as readonly unknown[]).length);
  if (name === 'point') {
    const { timelineId, seq, chain } = value as Point;
    return `${timelineId.slice(0, 4)}/${seq}#${chain.toString(16)}`;
  }
  if (name === 'writes') {
    const writes = value as readonly { key: string; value: string | null }[];
    return writes
      .map(({ key, value }) => (value === null ? `-${key}` : `${key}=${value}`))
      .join(' ');
  }
  if (name === 'timelines') {
    const timelines = value as readonly { id: string; atSeq: number }[];
    return timelines.map(({ id, atSeq }) => `${id.slice(0, 4)} from ${atSeq}`).join(' ');
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function contentText({ backups, records }: PlaceContent): string {
  return `[${backups.map(({ id }) => id).join(' ')} | ${spanOf(records)}]`;
}

function spanOf(records: readonly LoggedRecord[]): string {
  return records.length === 0 ? 'none' : `${records[0]?.seq} to ${records.at(-1)?.seq}`;
}
