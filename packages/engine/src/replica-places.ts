// How far the replicas of a database have its log on their disks, as they said on channels of their own,
// and how many of them have a record. Replicas of replicas are not known here and do not count.
import type { Requirement } from './durability.js';

type Counted = Pick<Requirement, 'replicas' | 'names'>;

export class ReplicaPlaces {
  /** Last durable record by the name of the replica. */
  readonly #durable = new Map<string, number>();
  #permitted: ReadonlySet<string> = new Set();
  /** By the key of the requirement; emptied by every change. */
  readonly #reached = new Map<string, number>();

  /** Another session, or another timeline: nothing that was said before counts. */
  forget(permitted: readonly string[]): void {
    this.#durable.clear();
    this.permit(permitted);
  }

  permit(names: readonly string[]): void {
    this.#reached.clear();
    this.#permitted = new Set(names);
    for (const name of [...this.#durable.keys()]) {
      if (!this.#permitted.has(name)) this.#durable.delete(name);
    }
  }

  /** The last word counts: one that was made anew has less than it had. */
  note(replica: string, seq: number): void {
    if (this.#durable.get(replica) === seq || !this.#permitted.has(replica)) return;
    this.#durable.set(replica, seq);
    this.#reached.clear();
  }

  counts(replica: string, { names }: Counted): boolean {
    return this.#permitted.has(replica) && (names.length === 0 || names.includes(replica));
  }

  /** How many replicas could confirm, connected or not. */
  countable(counted: Counted): number {
    return [...this.#permitted].filter((name) => this.counts(name, counted)).length;
  }

  /** The last record that as many replicas have as are asked for; -1 while fewer have said anything. */
  reached(requirement: Requirement): number {
    const known = this.#reached.get(requirement.key);
    if (known !== undefined) return known;
    const seqs: number[] = [];
    for (const [name, seq] of this.#durable) if (this.counts(name, requirement)) seqs.push(seq);
    seqs.sort((one, other) => other - one);
    const reached = seqs[requirement.replicas - 1] ?? -1;
    this.#reached.set(requirement.key, reached);
    return reached;
  }

  /** Names and last records of those that count, for messages. */
  describe(counted: Counted): string {
    const known = [...this.#durable].filter(([name]) => this.counts(name, counted));
    if (known.length === 0) return 'none of them has connected';
    return known.map(([name, seq]) => `${name} has record ${seq}`).join(', ');
  }
}
