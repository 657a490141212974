// Strongly connected components (Tarjan), without recursion: histories are long.
import type { Edge } from './graph.js';

/** Those of more than one node; nodes of which none can come back to itself are in no circle. */
export function circularComponents(edges: readonly (readonly Edge[])[]): number[][] {
  const search = new Search(edges);
  for (let node = 0; node < edges.length; node += 1) search.from(node);
  return search.components;
}

class Search {
  readonly components: number[][] = [];
  readonly #edges: readonly (readonly Edge[])[];
  readonly #index: Int32Array;
  readonly #low: Int32Array;
  readonly #isOpen: Uint8Array;
  readonly #open: number[] = [];
  #count = 0;

  constructor(edges: readonly (readonly Edge[])[]) {
    this.#edges = edges;
    this.#index = new Int32Array(edges.length).fill(-1);
    this.#low = new Int32Array(edges.length);
    this.#isOpen = new Uint8Array(edges.length);
  }

  from(root: number): void {
    if (this.#index[root] !== -1) return;
    const path = [{ node: root, next: 0 }];
    this.#enter(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const edge = this.#edges[top.node]?.[top.next];
      if (edge === undefined) {
        path.pop();
        this.#leave(top.node, path.at(-1)?.node);
        continue;
      }
      top.next += 1;
      if (this.#index[edge.to] === -1) {
        this.#enter(edge.to);
        path.push({ node: edge.to, next: 0 });
      } else if (this.#isOpen[edge.to] === 1) {
        this.#lower(top.node, this.#index[edge.to]!);
      }
    }
  }

  #enter(node: number): void {
    this.#index[node] = this.#count;
    this.#low[node] = this.#count;
    this.#count += 1;
    this.#open.push(node);
    this.#isOpen[node] = 1;
  }

  #lower(node: number, to: number): void {
    if (to < this.#low[node]!) this.#low[node] = to;
  }

  #leave(node: number, parent: number | undefined): void {
    if (parent !== undefined) this.#lower(parent, this.#low[node]!);
    if (this.#low[node] !== this.#index[node]) return;
    const component: number[] = [];
    for (;;) {
      const member = this.#open.pop()!;
      this.#isOpen[member] = 0;
      component.push(member);
      if (member === node) break;
    }
    if (component.length > 1) this.components.push(component);
  }
}
