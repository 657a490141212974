// What a torture says at its end: what was done, what was wrong, and what could not be done here.

export interface Fault {
  /** Which cycle, which k. */
  readonly where: string;
  readonly what: string;
}

export interface NotRun {
  readonly what: string;
  readonly why: string;
}

export interface Report {
  readonly torture: string;
  readonly seed: number;
  readonly seconds: number;
  readonly figures: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
  readonly faults: readonly Fault[];
  readonly notRun: readonly NotRun[];
}

/** Nothing wrong, something wrong, nothing wrong in what ran. */
export const exitStatus = { good: 0, faults: 1, usage: 2, partly: 3 } as const;

export function statusOf({ faults, notRun }: Report): number {
  if (faults.length > 0) return exitStatus.faults;
  return notRun.length > 0 ? exitStatus.partly : exitStatus.good;
}

const faultsShownMax = 40;

export function reportText(report: Report): string {
  const lines = [`torture ${report.torture}, seed ${report.seed}, ${report.seconds.toFixed(1)} s`];
  for (const [name, value] of Object.entries(report.figures)) {
    lines.push(`  ${name.padEnd(28)} ${typeof value === 'number' ? counted(value) : parts(value)}`);
  }
  for (const { what, why } of report.notRun) lines.push(`NOT RUN: ${what}: ${why}`);
  for (const { where, what } of report.faults.slice(0, faultsShownMax)) {
    lines.push(`WRONG: ${where}: ${what}`);
  }
  const more = report.faults.length - faultsShownMax;
  if (more > 0) lines.push(`WRONG: and ${more} more (--json has them all)`);
  if (report.faults.length === 0) lines.push('nothing wrong was found in what ran');
  return lines.join('\n');
}

function parts(value: Readonly<Record<string, number>>): string {
  const shown = Object.entries(value).map(([name, count]) => `${name} ${counted(count)}`);
  return shown.length === 0 ? 'none' : shown.join(', ');
}

function counted(value: number): string {
  return value.toLocaleString('en-US');
}

/** Of milliseconds, which it sorts. */
export function percentiles(all: number[]): Record<string, number> {
  all.sort((one, other) => one - other);
  const at = (part: number): number =>
    Math.round(10 * (all[Math.floor(part * (all.length - 1))] ?? 0)) / 10;
  return { p50: at(0.5), p99: at(0.99), most: at(1) };
}

/** Counts by name, in the order in which the names came. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string, count = 1): void {
    this.#counts.set(name, this.of(name) + count);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  all(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}

export type Progress = (text: string) => void;

const everyMs = 5000;

/** On stderr: in place on a terminal, else now and then a line. */
export function progressOnStderr(): Progress {
  let saidAt = 0;
  return (text) => {
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\u001b[K${text}`);
      return;
    }
    const now = performance.now();
    if (saidAt !== 0 && now - saidAt < everyMs) return;
    saidAt = now;
    process.stderr.write(`${text}\n`);
  };
}
