// Who must have come before whom. A transaction that locks has one moment, its commit; a snapshot has two, its
// beginning, whose state it reads, and its commit. So whatever the levels of those beside it, a circle in this
// graph is one that the levels of all who are in it forbid:
//   - what somebody reads was committed before: at the beginning of a snapshot, at the commit of others;
//   - what he does not see yet is committed later than he is if his locks keep it away until then, later than
//     he began if he is a snapshot; at the levels that keep nothing away it says nothing;
//   - of two writers of one key the first committed before the other one, or before that began as a snapshot.
import { isWriter, master, type History, type Transaction } from './history.js';
import type { Observed } from './observed.js';
import type { Version, Versions } from './versions.js';

export type EdgeKind = 'own' | 'ww' | 'wr' | 'rw' | 'range' | 'time';

export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly kind: EdgeKind;
  /** Of ww, wr and rw: the version that was written first, or read. */
  readonly version: Version | null;
}

export class Graph {
  readonly edges: Edge[][] = [];
  /** Null: not a transaction but a moment. */
  readonly owners: (Transaction | null)[] = [];
  readonly #first = new Map<Transaction, number>();
  readonly #second = new Map<Transaction, number>();

  constructor(transactions: readonly Transaction[]) {
    for (const transaction of transactions) {
      const begun = this.addNode(transaction);
      this.#first.set(transaction, begun);
      this.#second.set(transaction, begun);
      if (transaction.isolation !== 'snapshot') continue;
      const committed = this.addNode(transaction);
      this.#second.set(transaction, committed);
      this.add({ from: begun, to: committed, kind: 'own', version: null });
    }
  }

  addNode(owner: Transaction | null): number {
    this.owners.push(owner);
    this.edges.push([]);
    return this.owners.length - 1;
  }

  add(edge: Edge): void {
    if (edge.from !== edge.to) this.edges[edge.from]?.push(edge);
  }

  /** Where its state is taken. */
  begin(transaction: Transaction): number {
    return this.#first.get(transaction)!;
  }

  commit(transaction: Transaction): number {
    return this.#second.get(transaction)!;
  }
}

export function graphOf(
  { transactions }: History,
  versions: Versions,
  observed: readonly Observed[],
): Graph {
  const committed = transactions.filter((one) => versions.isCommitted(one));
  const graph = new Graph(committed);
  addWrites(graph, versions);
  for (const read of observed)
    if (versions.isCommitted(read.transaction)) addRead(graph, versions, read);
  for (const place of new Set(committed.map((one) => one.place))) addTime(graph, committed, place);
  addTokens(graph, committed);
  return graph;
}

function addWrites(graph: Graph, versions: Versions): void {
  for (const key of versions.keys) {
    const order = versions.order(key);
    for (const [at, version] of order.entries()) {
      const next = order[at + 1]?.by;
      if (!version.by || !next) continue;
      graph.add({ from: graph.commit(version.by), to: graph.begin(next), kind: 'ww', version });
    }
  }
}

function addRead(graph: Graph, versions: Versions, read: Observed): void {
  const { transaction, version, hold, isAbsence } = read;
  const { by } = version;
  if (by !== null && by !== transaction && versions.isCommitted(by)) {
    graph.add({ from: graph.commit(by), to: graph.begin(transaction), kind: 'wr', version });
  }
  if (hold !== 'end' && hold !== 'snapshot') return;
  const next = versions.next(version)?.by;
  if (!next || next === transaction) return;
  const from = hold === 'snapshot' ? graph.begin(transaction) : graph.commit(transaction);
  graph.add({ from, to: graph.commit(next), kind: isAbsence ? 'range' : 'rw', version });
}

/**
 * What was over at a place before another thing was asked for there: an end before a beginning or a commit, the
 * beginning of a snapshot before a commit. A master knows what its replicas know.
 */
function addTime(graph: Graph, committed: readonly Transaction[], place: string): void {
  const over: { readonly at: number; readonly node: number }[] = [];
  const asked: { readonly at: number; readonly node: number }[] = [];
  for (const one of committed) {
    const isHere = one.place === place;
    const begun = graph.begin(one);
    if (one.outcome === 'ok' && (isHere || place === master)) {
      over.push({ at: one.endedAt, node: isWriter(one) ? graph.commit(one) : begun });
    }
    if (!isHere) continue;
    if (one.isolation === 'snapshot') over.push({ at: one.begunAt, node: begun });
    asked.push({ at: one.beginInvokedAt, node: begun });
    const { commitInvokedAt } = one;
    if (commitInvokedAt !== null) asked.push({ at: commitInvokedAt, node: graph.commit(one) });
  }
  over.sort((a, b) => a.at - b.at);
  asked.sort((a, b) => a.at - b.at);
  const moments = chain(
    graph,
    over.map(({ node }) => node),
  );
  let passed = 0;
  for (const { at, node } of asked) {
    while ((over[passed]?.at ?? Infinity) < at) passed += 1;
    const moment = moments[passed - 1];
    if (moment !== undefined) graph.add({ from: moment, to: node, kind: 'time', version: null });
  }
}

/** What a read must have seen by the token that it held. */
function addTokens(graph: Graph, committed: readonly Transaction[]): void {
  const placed = committed.filter(({ position }) => position !== null);
  placed.sort((a, b) => a.position!.seq - b.position!.seq);
  const moments = chain(
    graph,
    placed.map((one) => graph.commit(one)),
  );
  for (const one of committed) {
    const { after } = one;
    if (after === null) continue;
    const at = placed.findLastIndex(({ position }) => position!.seq <= after.seq);
    const moment = moments[at];
    if (moment === undefined) continue;
    graph.add({ from: moment, to: graph.begin(one), kind: 'time', version: null });
  }
}

/** One moment behind the other, each behind its node. */
function chain(graph: Graph, nodes: readonly number[]): number[] {
  const moments: number[] = [];
  for (const node of nodes) {
    const moment = graph.addNode(null);
    const before = moments.at(-1);
    graph.add({ from: node, to: moment, kind: 'time', version: null });
    if (before !== undefined) {
      graph.add({ from: before, to: moment, kind: 'time', version: null });
    }
    moments.push(moment);
  }
  return moments;
}
