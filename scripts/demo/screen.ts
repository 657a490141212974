// What the demo shows: one line a step, a bar while a long one runs (on a terminal), a table at the end.

const barLength = 24;
const titleLength = 46;

export class Screen {
  readonly #total: number;
  readonly #isTerminal = process.stdout.isTTY;
  #number = 0;

  constructor(total: number) {
    this.#total = total;
  }

  /** Runs a step; what it resolves to in `tell` stands at the end of its line. */
  async step<T>(
    title: string,
    run: (progress: (done: number, total: number) => void) => Promise<T>,
    tell: (result: T) => string,
  ): Promise<T> {
    this.#number += 1;
    const number = `${String(this.#number).padStart(2)}/${this.#total}`;
    const begin = `${number}  ${title.padEnd(titleLength)}`;
    const startedAt = performance.now();
    this.#draw(begin);
    let drawnAt = 0;
    const result = await run((done, total) => {
      if (performance.now() - drawnAt < 50) return;
      drawnAt = performance.now();
      this.#draw(`${begin} ${bar(done / total)} ${thousands(done)}`);
    });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(5);
    this.#wipe();
    console.log(`${begin} ${seconds} s  ${tell(result)}`);
    return result;
  }

  table(rows: readonly (readonly [string, string, string])[]): void {
    const widths = [0, 1, 2].map((column) =>
      Math.max(...rows.map((row) => (row[column] ?? '').length)),
    );
    const line = widths.map((width) => '-'.repeat(width)).join('  ');
    console.log('');
    for (const [index, row] of rows.entries()) {
      console.log(
        row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd(),
      );
      if (index === 0) console.log(line);
    }
    console.log('');
  }

  #draw(text: string): void {
    if (this.#isTerminal) process.stdout.write(`\r\x1b[2K${text}`);
  }

  #wipe(): void {
    if (this.#isTerminal) process.stdout.write('\r\x1b[2K');
  }
}

export function thousands(count: number): string {
  return count.toLocaleString('en-US');
}

function bar(fraction: number): string {
  const filled = Math.round(Math.min(1, fraction) * barLength);
  return `[${'#'.repeat(filled)}${'.'.repeat(barLength - filled)}]`;
}
