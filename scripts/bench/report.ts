// What is told of a run: one line for each comparison, the ratio first, and how long single
// operations took. The same lines for the terminal, for Markdown and for JSON.
import type { Spread } from './statistics.js';

export interface Goal {
  readonly kind: 'at least' | 'under' | 'at most';
  readonly value: number;
  readonly unit: '×' | 'ms' | 'MB' | '%';
}

export interface Figures {
  readonly unit: string;
  readonly spread: Spread;
}

export interface Line {
  readonly row: string;
  readonly measure: string;
  readonly against: string;
  /** What the goal is about, in its unit; null when it could not be measured. */
  readonly result: Spread | null;
  readonly goal: Goal | null;
  readonly ours: Figures | null;
  readonly theirs: Figures | null;
  readonly remark?: string | undefined;
}

export interface LatencyLine {
  readonly row: string;
  readonly who: string;
  /** Null where nobody told. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
}

export type Verdict = 'met' | 'MISSED' | 'not measured' | 'for information';

/** By the median: one odd round neither makes nor breaks it. What has one value only has no other. */
export function verdictOf({ goal, result }: Line): Verdict {
  if (result === null) return 'not measured';
  if (goal === null) return 'for information';
  const { kind, value } = goal;
  const { median } = result;
  const holds =
    kind === 'at least' ? median >= value : kind === 'under' ? median < value : median <= value;
  return holds ? 'met' : 'MISSED';
}

const headings = [
  ...['ratio', 'range', 'goal', 'verdict', 'measure', 'against', 'Pamina', 'other'],
  'remark',
];

function cellsOf(line: Line): string[] {
  const { result, goal, ours, theirs, remark } = line;
  const unit = goal?.unit ?? '×';
  return [
    result === null ? '–' : amount(result.median, unit),
    result === null || result.min === result.max ? '' : range(result),
    goal === null ? '' : `${goal.kind} ${amount(goal.value, unit)}`,
    verdictOf(line),
    line.measure,
    line.against,
    figures(ours),
    figures(theirs),
    remark ?? '',
  ];
}

const latencyHeadings = ['row', 'who', 'p50 ms', 'p99 ms', 'longest ms'];

function latencyCellsOf({ row, who, p50Ms, p99Ms, maxMs }: LatencyLine): string[] {
  const told = [p50Ms, p99Ms, maxMs].map((value) => (value === null ? '–' : milliseconds(value)));
  return [row, who, ...told];
}

export function markdownTables(lines: readonly Line[], latencies: readonly LatencyLine[]): string {
  const tables = [markdownTable(headings, lines.map(cellsOf))];
  if (latencies.length > 0) {
    tables.push(markdownTable(latencyHeadings, latencies.map(latencyCellsOf)));
  }
  return tables.join('\n');
}

export function textTables(lines: readonly Line[], latencies: readonly LatencyLine[]): string {
  const tables = [textTable(headings, lines.map(cellsOf))];
  if (latencies.length > 0) tables.push(textTable(latencyHeadings, latencies.map(latencyCellsOf)));
  return tables.join('\n');
}

function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return row(heads) + row(heads.map(() => '---')) + rows.map(row).join('');
}

function textTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  const row = (cells: readonly string[]): string =>
    `${cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()}\n`;
  return row(heads) + row(widths.map((width) => '-'.repeat(width))) + rows.map(row).join('');
}

function amount(value: number, unit: Goal['unit']): string {
  if (unit === '×') return `${value.toFixed(2)} ×`;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`;
}

function range({ min, max }: Spread): string {
  const digits = max < 10 ? 2 : 0;
  return `${min.toFixed(digits)}–${max.toFixed(digits)}`;
}

function figures(told: Figures | null): string {
  if (told === null) return '';
  const { unit, spread } = told;
  const { median, min, max } = spread;
  const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
  const apart = min === max ? '' : ` (${whole(min)}–${whole(max)})`;
  return `${whole(median)}${apart} ${unit}`;
}

function milliseconds(value: number): string {
  if (value < 0.1) return value.toFixed(3);
  return value.toFixed(value < 10 ? 2 : 0);
}
