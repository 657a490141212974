// What a list held at a version, by the appends alone.
import type { Transaction, Value } from './history.js';
import type { Version, Versions } from './versions.js';

/** Null: it is no list, or the appends do not tell. */
export function contentOf(versions: Versions, version: Version): readonly string[] | null {
  const made: string[][] = [];
  const visited = new Set<Version>();
  for (let at: Version | undefined = version; at !== undefined && at.by !== null;) {
    // A circle of appends explains nothing.
    if (visited.has(at)) return null;
    visited.add(at);
    const step = appendedBy(at.by, at);
    if (step === null) return null;
    made.unshift(step.elements);
    if (step.base !== undefined) return [...listOf(step.base), ...made.flat()];
    at = at.index === null ? undefined : versions.order(at.key)[at.index - 1];
    if (at === undefined) return null;
  }
  return made.flat();
}

interface Step {
  readonly elements: string[];
  /** What the transaction had read there; undefined: it had not. */
  readonly base: Value | undefined;
}

function appendedBy({ operations }: Transaction, { id, key }: Version): Step | null {
  const elements: string[] = [];
  let base: Value | undefined;
  for (const operation of operations) {
    if (operation.type === 'range') {
      const entry = operation.entries.find(([other]) => other === key);
      if (elements.length === 0 && entry !== undefined) base = entry[1];
    }
    if (!('key' in operation) || operation.key !== key) continue;
    if (operation.type === 'write') return null;
    if (operation.type === 'read' && elements.length === 0) base = operation.value;
    if (operation.type === 'append') elements.push(operation.element);
    if (operation.type === 'append' && operation.element === id) return { elements, base };
  }
  return null;
}

/** Of a key that holds lists. */
export function listOf(value: Value): readonly string[] {
  return typeof value === 'string' || value === null ? [] : value;
}
