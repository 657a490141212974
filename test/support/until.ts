// Waiting for a condition with a deadline: no test sleeps for a fixed time.

export interface UntilOptions {
  readonly deadlineMs?: number;
  readonly everyMs?: number;
  /** What there was instead, for the message of a wait in vain. */
  readonly instead?: () => string;
}

const deadlineMsDefault = 30_000;
const everyMsDefault = 10;

/** Asks until the answer is something else than false, null and undefined; returns that answer. */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const { deadlineMs = deadlineMsDefault, everyMs = everyMsDefault, instead } = options;
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== false && answer !== null && answer !== undefined) {
      return answer as Exclude<T, false | null | undefined>;
    }
    if (performance.now() > deadline) {
      const rest = instead === undefined ? '' : `; instead: ${instead()}`;
      throw new Error(`waited ${deadlineMs} ms in vain until ${what}${rest}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
