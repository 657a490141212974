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

/** Keys of a client begin so. */
export function prefixOf(client: number): string {
  return `client-${String(client).padStart(5, '0')}/`;
}
