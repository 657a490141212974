// What a run tells while it goes on, on stderr: stdout is for the results.

export class Progress {
  readonly #startedAt = performance.now();

  say(text: string): void {
    const seconds = Math.round((performance.now() - this.#startedAt) / 1000);
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    console.error(`${clock.padStart(6)}  ${text}`);
  }
}

export function thousands(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
