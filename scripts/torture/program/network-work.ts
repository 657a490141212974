// What one client of the torture `network` writes: its n-th write, and what its keys hold after it. Both follow from
// n alone, so that whoever knows how far a client came knows what must be there.

export type NetworkWrite =
  | { readonly kind: 'put'; readonly key: string; readonly value: string }
  | { readonly kind: 'del'; readonly key: string }
  | {
      readonly kind: 'batch' | 'transaction';
      readonly keys: readonly string[];
      readonly value: string;
    }
  | { readonly kind: 'clear'; readonly from: string; readonly to: string };

const pair = ['a', 'b'] as const;
const row = ['r0', 'r1', 'r2', 'r3', 'r4'] as const;
const kinds = 6;
/** Each key has been written anew by then. */
const remembered = 2 * kinds;

export type ClientState = ReadonlyMap<string, string>;

export function writeOf(number: number): NetworkWrite {
  const value = String(number);
  switch (number % kinds) {
    case 0:
      return { kind: 'put', key: 'p', value };
    case 1:
      return { kind: 'batch', keys: [...pair, 'c'], value };
    case 2:
      return { kind: 'del', key: 'p' };
    case 3:
      return { kind: 'transaction', keys: pair, value };
    case 4:
      return { kind: 'batch', keys: row, value };
    default:
      return { kind: 'clear', from: 'r', to: 's' };
  }
}

/** Nothing before the first write, which has the number 1. */
export function stateAfter(number: number): ClientState {
  const state = new Map<string, string>();
  for (let each = Math.max(1, number - remembered); each <= number; each += 1) {
    const write = writeOf(each);
    if (write.kind === 'put') state.set(write.key, write.value);
    else if (write.kind === 'del') state.delete(write.key);
    else if (write.kind === 'clear') for (const key of row) state.delete(key);
    else for (const key of write.keys) state.set(key, write.value);
  }
  return state;
}

export function isSameState(one: ClientState, other: ClientState): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}

export function stateText(state: ClientState): string {
  return JSON.stringify(Object.fromEntries(state));
}

/** All keys of clients. */
export const prefixStart = 'client-';
export const prefixEnd = 'client.';

/** Keys of a client begin so. */
export function prefixOf(client: number): string {
  return `${prefixStart}${String(client).padStart(5, '0')}/`;
}

/** How far a client came, as its journal has it. */
export interface Known {
  readonly begun: number;
  readonly acknowledged: number;
}

/** The last lines of each client. */
export function readJournal(text: string): Map<number, Known> {
  const found = new Map<number, Known>();
  for (const line of text.split('\n').slice(0, -1)) {
    const [word, client, write] = line.split(' ');
    const { acknowledged, begun } = found.get(Number(client)) ?? { acknowledged: 0, begun: 0 };
    found.set(Number(client), {
      begun: Math.max(begun, Number(write)),
      acknowledged: word === 'end' ? Number(write) : acknowledged,
    });
  }
  return found;
}

/** What is not there of what was acknowledged, or was never written: a line for each client. */
export function differences(
  known: ReadonlyMap<number, Known>,
  rows: Iterable<readonly [key: string, value: string]>,
): string[] {
  const found = new Map<string, Map<string, string>>();
  for (const [key, value] of rows) {
    const [prefix = '', name = ''] = key.split(/(?<=\/)/);
    if (name === '') continue;
    const state = found.get(prefix) ?? new Map<string, string>();
    found.set(prefix, state.set(name, value));
  }
  const wrong: string[] = [];
  for (const [client, { acknowledged, begun }] of known) {
    const state = found.get(prefixOf(client)) ?? new Map<string, string>();
    found.delete(prefixOf(client));
    const wanted = [acknowledged, begun].map(stateAfter);
    if (wanted.some((one) => isSameState(one, state))) continue;
    const texts = [...new Set(wanted.map(stateText))].join(' or ');
    wrong.push(`client ${client} came to ${acknowledged}: ${stateText(state)}, wanted ${texts}`);
  }
  for (const prefix of found.keys()) wrong.push(`${prefix} is there, and no such client wrote`);
  return wrong;
}
