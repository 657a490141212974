// Work on a stream of items a few at a time, results in the order of the items. What is under way is
// bounded by number and by weight (bytes), so that memory is (P13).

export interface ParallelOptions<Item> {
  /** Items under way at once. */
  readonly countMax: number;
  /** Sum of their weights; one item alone may exceed it. */
  readonly weightMax: number;
  readonly weigh: (item: Item) => number;
}

/**
 * Yields `work(item)` for each item, in order. After an error, or when the consumer stops, no new
 * work is started, and it returns only when all that was under way has ended: nothing writes behind
 * the back of whoever cleans up.
 */
export async function* orderedParallel<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  options: ParallelOptions<Item>,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const underWay: { readonly weight: number; readonly result: Promise<Result> }[] = [];
  let weight = 0;
  const next = async (): Promise<Result> => {
    const oldest = underWay[0] as (typeof underWay)[number];
    const result = await oldest.result;
    underWay.shift();
    weight -= oldest.weight;
    return result;
  };
  try {
    for await (const item of items) {
      const itemWeight = options.weigh(item);
      while (isFull(underWay.length, weight + itemWeight, options)) yield await next();
      const result = work(item);
      // Awaited in its turn; until then a failure must not count as unhandled.
      result.catch(() => undefined);
      underWay.push({ weight: itemWeight, result });
      weight += itemWeight;
    }
    while (underWay.length > 0) yield await next();
  } finally {
    await Promise.allSettled(underWay.map((entry) => entry.result));
  }
}

function isFull(count: number, weight: number, options: ParallelOptions<never>): boolean {
  return count > 0 && (count >= options.countMax || weight > options.weightMax);
}
