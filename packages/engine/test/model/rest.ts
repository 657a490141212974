// Where a sequence comes to rest, and the whole content is compared.
import { entriesOf, sameEntries, type Entry } from './range.js';
import type { Subject } from './subject.js';
import { keyOf, shown, tokenOf } from './value.js';

/** Everything that is under way ends; then the whole content must be what some order leaves. */
export async function settled(subject: Subject): Promise<void> {
  await subject.quiet();
  const shows: Entry[] = [];
  for await (const [key, value] of subject.db.iterator()) shows.push([keyOf(key), tokenOf(value)]);
  const states = subject.history.finalStates();
  const state = states.find((final) => sameEntries(entriesOf(final, '', {}), shows));
  if (state === undefined) {
    const possible = states
      .map((final) => shown([...final].sort(([a], [b]) => (a < b ? -1 : 1))))
      .join('\n  ');
    throw new Error(`at rest there is ${shown(shows)}; possible:\n  ${possible}`);
  }
  subject.history.settle(state);
}
