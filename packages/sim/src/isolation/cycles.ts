// Circles of dependencies: the smallest of each tangle, by its name and in words. The plainest are looked for
// first: those of writes alone, then with reads, then with what was not seen yet, then with time.
import type { Anomaly, AnomalyName } from './anomaly.js';
import { circularComponents } from './components.js';
import type { Edge, EdgeKind, Graph } from './graph.js';
import type { Transaction } from './history.js';
import { named } from './words.js';
import type { Versions } from './versions.js';

const stages: readonly (readonly EdgeKind[])[] = [
  ['own', 'ww'],
  ['own', 'ww', 'wr'],
  ['own', 'ww', 'wr', 'rw', 'range'],
  ['own', 'ww', 'wr', 'rw', 'range', 'time'],
];
/** Of a tangle only so many nodes are tried as the beginning of a circle. */
const beginningsMax = 300;

export function findCycles(graph: Graph, versions: Versions): Anomaly[] {
  const anomalies: Anomaly[] = [];
  const reported = new Set<number>();
  for (const kinds of stages) {
    const edges = graph.edges.map((all) => all.filter(({ kind }) => kinds.includes(kind)));
    for (const component of circularComponents(edges)) {
      if (component.some((node) => reported.has(node))) continue;
      for (const node of component) reported.add(node);
      anomalies.push(told(graph, versions, smallestCycle(edges, component)));
    }
  }
  return anomalies;
}

/** With one thing that was not seen yet, if there is such a circle: it says most. */
function smallestCycle(edges: readonly (readonly Edge[])[], component: readonly number[]): Edge[] {
  const members = new Set(component);
  const tried = component.slice(0, beginningsMax);
  const circles: Edge[][] = [];
  const isFollowed = ({ kind }: Edge): boolean => kind !== 'rw' && kind !== 'range';
  const unseen = tried.flatMap((node) => edges[node]!.filter((edge) => !isFollowed(edge)));
  for (const edge of unseen.slice(0, beginningsMax)) {
    if (!members.has(edge.to)) continue;
    const way = shortestWay(edges, members, edge.to, edge.from, isFollowed);
    if (way !== null) circles.push([edge, ...way]);
  }
  if (circles.length === 0) {
    for (const node of tried) {
      for (const edge of edges[node]!) {
        if (!members.has(edge.to)) continue;
        const way = shortestWay(edges, members, edge.to, node, () => true);
        if (way !== null) circles.push([edge, ...way]);
      }
    }
  }
  return circles.reduce((best, one) => (lengthOf(one) < lengthOf(best) ? one : best));
}

/** Moments and the two halves of a snapshot cost nothing. */
function lengthOf(cycle: readonly Edge[]): number {
  return cycle.reduce((sum, { kind }) => sum + costOf(kind), 0);
}

function costOf(kind: EdgeKind): 0 | 1 {
  return kind === 'own' || kind === 'time' ? 0 : 1;
}

/** Breadth first, steps that cost nothing before the others. */
function shortestWay(
  edges: readonly (readonly Edge[])[],
  members: ReadonlySet<number>,
  from: number,
  to: number,
  isFollowed: (edge: Edge) => boolean,
): Edge[] | null {
  const by = new Map<number, Edge | null>([[from, null]]);
  let now = [from];
  while (now.length > 0) {
    const later: number[] = [];
    for (let at = 0; at < now.length; at += 1) {
      const node = now[at]!;
      if (node === to) return wayTo(by, to);
      for (const edge of edges[node]!) {
        if (by.has(edge.to) || !members.has(edge.to) || !isFollowed(edge)) continue;
        by.set(edge.to, edge);
        (costOf(edge.kind) === 0 ? now : later).push(edge.to);
      }
    }
    now = later;
  }
  return null;
}

function wayTo(by: ReadonlyMap<number, Edge | null>, to: number): Edge[] {
  const way: Edge[] = [];
  for (let edge = by.get(to) ?? null; edge !== null; edge = by.get(edge.from) ?? null) {
    way.unshift(edge);
  }
  return way;
}

/** An edge between two transactions; of time, over the moments between. */
interface Step {
  readonly from: Transaction;
  readonly to: Transaction;
  readonly edge: Edge;
}

function stepsOf(graph: Graph, cycle: readonly Edge[]): Step[] {
  // It begins with a transaction, not with a moment.
  const first = cycle.findIndex(({ from }) => graph.owners[from] !== null);
  const turned = [...cycle.slice(first), ...cycle.slice(0, first)];
  const steps: Step[] = [];
  let from: Transaction | null = null;
  for (const edge of turned) {
    from ??= graph.owners[edge.from] ?? null;
    const to = graph.owners[edge.to];
    if (!from || !to) continue;
    if (from !== to) steps.push({ from, to, edge });
    from = null;
  }
  // The same circle is told in the same way, wherever it was entered.
  const least = Math.min(...steps.map(({ from: one }) => one.id));
  const turn = steps.findIndex(({ from: one }) => one.id === least);
  return [...steps.slice(turn), ...steps.slice(0, turn)];
}

function told(graph: Graph, versions: Versions, cycle: readonly Edge[]): Anomaly {
  const steps = stepsOf(graph, cycle);
  const name = nameOf(steps);
  const keys = steps.flatMap(({ edge }) => (edge.version === null ? [] : [edge.version.key]));
  const lines = steps.map((step) => `  ${describeStep(versions, step)}`);
  const text = `${name}: a circle of ${steps.length} transactions\n${lines.join('\n')}`;
  return { name, transactions: steps.map(({ from }) => from.id), keys: [...new Set(keys)], text };
}

function nameOf(steps: readonly Step[]): AnomalyName {
  const kinds = steps.map(({ edge }) => edge.kind);
  const unseen = kinds.filter((kind) => kind === 'rw' || kind === 'range').length;
  if (kinds.includes('time')) return 'real-time cycle';
  if (unseen === 0) return kinds.includes('wr') ? 'circular information flow' : 'write cycle';
  if (unseen === 1) {
    const keys = new Set(steps.map(({ edge }) => edge.version?.key));
    return keys.size === 1 && kinds.includes('ww') ? 'lost update' : 'read skew';
  }
  const isFork =
    unseen === 2 &&
    kinds.length === 4 &&
    kinds.every((kind, at) => (kind === 'wr') === (kinds[(at + 1) % 4] !== 'wr'));
  if (isFork) return 'long fork';
  return kinds.includes('range') ? 'range write skew' : 'write skew';
}

function describeStep(versions: Versions, { from, to, edge }: Step): string {
  const { kind, version } = edge;
  const key = version?.key ?? '';
  const id = version?.id || 'nothing';
  const next = version === null ? undefined : versions.next(version);
  switch (kind) {
    case 'ww':
      return `${named(from)} wrote ${key} = ${id} before ${named(to)} wrote ${next?.id}`;
    case 'wr':
      return `${named(from)} wrote ${key} = ${id}, which ${named(to)} read`;
    case 'rw':
      return `${named(from)} read ${key} = ${id}, and not yet ${next?.id}, which ${named(to)} wrote`;
    case 'range':
      return `${named(from)} did not find ${key} in a range, which ${named(to)} wrote there`;
    case 'time':
    case 'own':
      return `${named(from)} had ended before ${named(to)} began, or stands before its token`;
  }
}
