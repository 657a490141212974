// What a soaked database must hold at any of its records. Each writer's n-th commit follows from the
// writer and n alone, so the records of its commits are all that has to be remembered.

export interface SoakOperation {
  readonly type: 'put' | 'del';
  readonly key: string;
  readonly value: string;
}

const keysPerWriter = 400;
const deleteEvery = 11;
const pairEvery = 7;
/** Commits of a writer within which it has written all of its keys anew. */
const rewrittenWithin = keysPerWriter * pairEvery;

export class SoakModel {
  /** Of each writer, the records of its commits, rising. */
  readonly #seqs: readonly number[][];

  constructor(writers: number) {
    this.#seqs = Array.from({ length: writers }, () => []);
  }

  get commits(): number {
    return this.#seqs.reduce((sum, { length }) => sum + length, 0);
  }

  /** The next commit of the writer; noted with `acknowledged`. */
  next(writer: number): readonly SoakOperation[] {
    return operationsOf(writer, this.#of(writer).length);
  }

  acknowledged(writer: number, seq: number): void {
    this.#of(writer).push(seq);
  }

  /** All entries after record `seq`, by key. */
  stateAt(seq: number): Map<string, string> {
    const state = new Map<string, string>();
    for (const [writer, seqs] of this.#seqs.entries()) {
      const commits = seqs.findLastIndex((at) => at <= seq) + 1;
      for (let n = Math.max(0, commits - rewrittenWithin); n < commits; n++) {
        for (const { type, key, value } of operationsOf(writer, n)) {
          if (type === 'put') state.set(key, value);
          else state.delete(key);
        }
      }
    }
    return state;
  }

  #of(writer: number): number[] {
    const seqs = this.#seqs[writer];
    if (seqs === undefined) throw new RangeError(`there is no writer ${writer}`);
    return seqs;
  }
}

/** Every commit touches its key; some delete it, some put a second one beside it. */
function operationsOf(writer: number, n: number): SoakOperation[] {
  const at = n % keysPerWriter;
  const key = `writer-${writer}/${at}`;
  const value = `${n}:${'v'.repeat(100 + (n % 900))}`;
  const first: SoakOperation =
    n % deleteEvery === 0 ? { type: 'del', key, value: '' } : { type: 'put', key, value };
  if (n % pairEvery !== 0) return [first];
  return [first, { type: 'put', key: `writer-${writer}/${at}/pair`, value: String(n) }];
}

/** How two states differ, in words; null if they do not. */
export function differenceOf(
  expected: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): string | null {
  for (const [key, value] of expected) {
    const is = found.get(key);
    if (is === undefined) return `${key} is missing`;
    if (is !== value) return `${key} holds ${is.slice(0, 20)}…, not ${value.slice(0, 20)}…`;
  }
  const more = [...found.keys()].find((key) => !expected.has(key));
  return more === undefined ? null : `${more} should not be there`;
}
