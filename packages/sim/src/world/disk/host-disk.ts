// The disk of one host: what lies on it survives the processes that use it. Every operation is an
// event with its own time; it takes effect when it completes, or in part when its process dies first.

import { posix } from 'node:path';
import type { Incarnation, Death } from '../incarnation.js';
import { never } from '../incarnation.js';
import type { HostClock } from '../clock.js';
import type { Prng } from '../prng.js';
import { DiskFaults } from './disk-faults.js';
import type { DiskFault, DiskOperation, DiskSettings, FaultMatch } from './disk-faults.js';
import { SystemError } from './system-error.js';
import { FileNode, FolderNode, Tree, partsOf } from './tree.js';
import type { Node } from './tree.js';
import { Watches } from './watches.js';

/** One operation on its way. */
export interface Work<T> {
  readonly operation: DiskOperation;
  readonly path: string;
  /** Takes effect at once and gives the answer, or throws a SystemError. */
  run(): T;
  /** What may have happened where it fails or its process dies; `fault` is null for a death. */
  runPart?(random: Prng, fault: DiskFault | null): void;
}

export class HostDisk {
  /** Where processes find this disk, beside its root: what they resolve names to is of this host alone. */
  readonly mount: string;
  readonly tree = new Tree();
  readonly watches: Watches;
  readonly #faults = new DiskFaults();
  readonly #random: Prng;
  readonly #clock: HostClock;
  /** Few paths are asked for again and again. */
  readonly #inside = new Map<string, string>();
  readonly #locks = new Map<string, Incarnation>();
  readonly #underWay = new Map<Incarnation, Set<Work<unknown>>>();
  #capacityBytes = Infinity;
  #usedBytes = 0;

  constructor(hostName: string, random: Prng, clock: HostClock) {
    this.mount = `/host/${hostName}`;
    this.#random = random;
    this.#clock = clock;
    this.watches = new Watches(random);
    for (const name of ['/data', '/tmp']) this.tree.link(name, new FolderNode(clock.wallMs()));
    this.tree.settle(this.tree.capture(this.tree.root));
  }

  /** Absolute on this disk, by whichever way it was named. */
  inside(path: string): string {
    const known = this.#inside.get(path);
    if (known !== undefined) return known;
    const absolute = posix.resolve('/', path);
    const isMounted = absolute === this.mount || absolute.startsWith(`${this.mount}/`);
    const inside = isMounted ? absolute.slice(this.mount.length) || '/' : absolute;
    this.#inside.set(path, inside);
    return inside;
  }

  /** To be changed at any time; holds from the next operation on. */
  get settings(): DiskSettings {
    return this.#faults.settings;
  }

  /** Lets operations that fit fail: after `skip` of them the next `times` (1 if not given). */
  failNext(
    match: FaultMatch,
    fault: DiskFault,
    options: { skip?: number; times?: number } = {},
  ): void {
    this.#faults.failNext(match, fault, options.skip ?? 0, options.times ?? 1);
  }

  /** No fault any more, armed or by chance; times and losses as they are by default. Damage stays. */
  heal(): void {
    this.#faults.clear();
    this.#capacityBytes = Infinity;
  }

  /** How much the disk holds: less than `usedBytes` makes it full, Infinity is relief. */
  set capacityBytes(bytes: number) {
    this.#capacityBytes = bytes;
  }

  get capacityBytes(): number {
    return this.#capacityBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get freeBytes(): number {
    return Math.max(0, Math.min(this.#capacityBytes - this.#usedBytes, 2 ** 40));
  }

  /** Turns a bit of a file on the medium around; programs see it at once, unless only the medium is meant. */
  flipBit(
    path: string,
    offset: number,
    options: { bit?: number; onlyMedium?: boolean } = {},
  ): void {
    const { content } = this.tree.file(this.inside(path));
    content.flipBit(offset, options.bit ?? 0, options.onlyMedium !== true);
  }

  /** What a power cut now would leave of this file at the least; null where there is none. */
  durableBytes(path: string): Uint8Array | null {
    const node = this.#durableNode(path);
    return node instanceof FileNode ? node.content.durable() : null;
  }

  /** What a program would read now; null where there is no file. */
  cachedBytes(path: string): Uint8Array | null {
    const node = this.tree.find(this.inside(path));
    return node instanceof FileNode ? node.content.cached().slice() : null;
  }

  /** Paths of all files below the folder, as programs see them, in order. */
  files(folder: string): string[] {
    const found: string[] = [];
    const visit = (node: Node, path: string): void => {
      if (node instanceof FileNode) {
        found.push(path);
        return;
      }
      for (const [name, entry] of node.entries) visit(entry, posix.join(path, name));
    };
    const path = this.inside(folder);
    const start = this.tree.find(path);
    if (start !== null) visit(start, path);
    return found.sort();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  perform<T>(life: Incarnation, work: Work<T>): Promise<T> {
    if (!life.isAlive) return never();
    const underWay = this.#underWayOf(life);
    underWay.add(work);
    return new Promise((resolve, reject) => {
      life.later(this.#faults.latencyMs(work.operation, this.#random), () => {
        underWay.delete(work);
        const fault = this.#faults.decide(work.operation, work.path, this.#random);
        life.note(work.operation, work.path);
        try {
          if (fault !== null) this.#fail(life, work, fault);
          resolve(work.run());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  }

  #fail(life: Incarnation, work: Work<unknown>, fault: DiskFault): never {
    life.note('disk fault', fault);
    work.runPart?.(this.#random, fault);
    throw new SystemError(fault === 'short write' || fault === 'lost' ? 'EIO' : fault);
  }

  #underWayOf(life: Incarnation): Set<Work<unknown>> {
    const known = this.#underWay.get(life);
    if (known !== undefined) return known;
    const underWay = new Set<Work<unknown>>();
    this.#underWay.set(life, underWay);
    life.onDeath((death) => this.#onDeath(life, death));
    return underWay;
  }

  /** What was on its way happens, or not, or in part; then the cache goes, if the power does. */
  #onDeath(life: Incarnation, death: Death): void {
    for (const work of this.#underWay.get(life) ?? []) {
      const choice = this.#random.below(3);
      if (choice === 0) continue;
      try {
        if (choice === 1 || work.runPart === undefined) work.run();
        else work.runPart(this.#random, null);
      } catch (error) {
        // The process that would hear this is gone; the system call failed as it would have.
        if (!(error instanceof SystemError)) throw error;
      }
    }
    this.#underWay.delete(life);
    for (const [path, owner] of this.#locks) if (owner === life) this.#locks.delete(path);
    this.watches.drop(life);
    if (death === 'power cut') this.#crash();
  }

  #crash(): void {
    const { nameLoss } = this.settings;
    const loss =
      nameLoss === 'either' ? this.#random.pick(['ordered', 'by folder'] as const) : nameLoss;
    this.tree.crash(loss, this.#random);
    this.#usedBytes = sizeOf(this.tree.root, new Set());
  }

  /** Grows or shrinks what is used; ENOSPC, and nothing is taken, where it does not fit. */
  take(bytes: number): void {
    if (bytes > 0 && bytes > this.freeBytes) throw new SystemError('ENOSPC');
    this.#usedBytes += bytes;
  }

  /** After bytes went into the cache. */
  afterWrite(node: FileNode, path: string): void {
    node.modifiedMs = this.#clock.wallMs();
    if (this.#random.chance(this.settings.rates.writeBack)) node.content.writeBack(this.#random);
    this.watches.changed(path);
  }

  /** After a name was taken from a node. */
  release(node: Node | null): void {
    if (node instanceof FileNode && node.links === 0) this.#usedBytes -= node.content.size;
  }

  /** The living process that holds this lock. */
  lockOwner(path: string): Incarnation | null {
    return this.#locks.get(path) ?? null;
  }

  setLockOwner(path: string, owner: Incarnation | null): void {
    if (owner === null) this.#locks.delete(path);
    else this.#locks.set(path, owner);
  }

  #durableNode(path: string): Node | null {
    let node: Node = this.tree.root;
    for (const name of partsOf(this.inside(path))) {
      const next: Node | undefined =
        node instanceof FolderNode ? node.durable.get(name) : undefined;
      if (next === undefined) return null;
      node = next;
    }
    return node;
  }
}

function sizeOf(node: Node, seen: Set<Node>): number {
  if (seen.has(node)) return 0;
  seen.add(node);
  if (node instanceof FileNode) return node.content.size;
  let sum = 0;
  for (const entry of node.entries.values()) sum += sizeOf(entry, seen);
  return sum;
}
