// What the demo proves when the replica stands in its master's place, from the journal of the writer
// and the content of both databases.
import { readFileSync } from 'node:fs';

interface Entry {
  readonly key: string;
  readonly value: string;
}

export interface Acknowledged {
  readonly key: string;
  readonly value: string;
  readonly seq: number;
}

export interface Counts {
  readonly cities: number;
  readonly visits: number;
}

/** The order of acknowledgement. A line that was cut off was not acknowledged to anybody. */
export function readAcknowledged(journal: string): Acknowledged[] {
  const text = readFileSync(journal, 'utf8');
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .trimEnd()
    .split('\n');
  return lines.map((line) => {
    const { key, position, value } = JSON.parse(line) as Record<string, string>;
    return { key: key ?? '', value: value ?? '', seq: seqOf(position ?? null) };
  });
}

export function seqOf(position: string | null): number {
  const seq = Number(position?.split('/')[1] ?? Number.NaN);
  if (Number.isSafeInteger(seq)) return seq;
  throw new Error(`${position} is not a position`);
}

export async function contentOf(entries: AsyncIterable<Entry>): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  for await (const { key, value } of entries) content.set(key, value);
  return content;
}

export function countsOf(content: ReadonlyMap<string, string>): Counts {
  let visits = 0;
  for (const key of content.keys()) if (key.startsWith('visit-')) visits += 1;
  return { cities: content.size - visits, visits };
}

/** Those that are missing or different. */
export function missing(
  acknowledged: readonly Acknowledged[],
  content: ReadonlyMap<string, string>,
): Acknowledged[] {
  return acknowledged.filter(({ key, value }) => content.get(key) !== value);
}

/** Checks that are all made, whatever the first one says. */
export class Verdict {
  readonly faults: string[] = [];

  check(what: string, holds: boolean): void {
    if (!holds) this.faults.push(what);
  }
}
