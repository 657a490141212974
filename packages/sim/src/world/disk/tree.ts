// The names of one file system, twice: as programs see them and as they are on the medium. A change of
// names is in a journal until its folder is synced; a power cut keeps a beginning of the journal.

import { posix } from 'node:path';
import type { Prng } from '../prng.js';
import { FileContent } from './file-content.js';
import { SystemError } from './system-error.js';

export class FileNode {
  readonly content = new FileContent();
  links = 0;
  modifiedMs: number;

  constructor(modifiedMs: number) {
    this.modifiedMs = modifiedMs;
  }
}

export class FolderNode {
  entries = new Map<string, Node>();
  durable = new Map<string, Node>();
  modifiedMs: number;

  constructor(modifiedMs: number) {
    this.modifiedMs = modifiedMs;
  }
}

export type Node = FileNode | FolderNode;

/** One atomic change of one or two names; a node of null is a name that goes. */
interface NameChange {
  readonly names: readonly NamePlace[];
}

interface NamePlace {
  readonly folder: FolderNode;
  readonly name: string;
  readonly node: Node | null;
}

/** What a sync of a folder began with. */
export type NameCapture = ReadonlySet<NameChange>;

/**
 * How a power cut treats names that were not synced: 'ordered' keeps a beginning of all changes (as a
 * journal does), 'by folder' a beginning for each folder.
 */
export type NameLoss = 'ordered' | 'by folder';

export class Tree {
  readonly root = new FolderNode(0);
  #journal: NameChange[] = [];
  /** Few paths are asked for again and again. */
  readonly #parts = new Map<string, readonly string[]>();

  find(path: string): Node | null {
    let node: Node = this.root;
    for (const name of this.#partsOf(path)) {
      if (!(node instanceof FolderNode)) return null;
      const next: Node | undefined = node.entries.get(name);
      if (next === undefined) return null;
      node = next;
    }
    return node;
  }

  #partsOf(path: string): readonly string[] {
    const known = this.#parts.get(path);
    if (known !== undefined) return known;
    const parts = partsOf(path);
    this.#parts.set(path, parts);
    return parts;
  }

  /** ENOENT, ENOTDIR. */
  folder(path: string): FolderNode {
    const node = this.find(path);
    if (node === null) throw new SystemError('ENOENT');
    if (!(node instanceof FolderNode)) throw new SystemError('ENOTDIR');
    return node;
  }

  /** ENOENT, EISDIR. */
  file(path: string): FileNode {
    const node = this.find(path);
    if (node === null) throw new SystemError('ENOENT');
    if (!(node instanceof FileNode)) throw new SystemError('EISDIR');
    return node;
  }

  /** Gives the node this name. EEXIST. */
  link(path: string, node: Node): void {
    const { folder, name } = this.#place(path);
    if (folder.entries.has(name)) throw new SystemError('EEXIST');
    this.#change({ names: [{ folder, name, node }] });
  }

  /** ENOENT. Returns what had the name. */
  unlink(path: string): Node {
    const { folder, name } = this.#place(path);
    const node = folder.entries.get(name);
    if (node === undefined) throw new SystemError('ENOENT');
    this.#change({ names: [{ folder, name, node: null }] });
    return node;
  }

  /** Replaces a file by a file and an empty folder by a folder. Returns what was replaced. */
  rename(from: string, to: string): Node | null {
    const source = this.#place(from);
    const target = this.#place(to);
    const node = source.folder.entries.get(source.name);
    if (node === undefined) throw new SystemError('ENOENT');
    const replaced = target.folder.entries.get(target.name) ?? null;
    if (replaced === node) return null;
    if (replaced instanceof FolderNode) {
      if (node instanceof FileNode) throw new SystemError('EISDIR');
      if (replaced.entries.size > 0) throw new SystemError('ENOTEMPTY');
    } else if (replaced !== null && node instanceof FolderNode) {
      throw new SystemError('ENOTDIR');
    }
    this.#change({
      names: [
        { ...target, node },
        { ...source, node: null },
      ],
    });
    return replaced;
  }

  /** A sync of this folder begins: it covers its changes so far and those that they follow from. */
  capture(folder: FolderNode): NameCapture {
    return this.#cover((place) => place.folder === folder);
  }

  /** As `capture`, for the names of one node: what a sync of a file covers on many file systems. */
  captureNode(node: Node): NameCapture {
    return this.#cover((place) => place.node === node);
  }

  #cover(isMeant: (place: NamePlace) => boolean): NameCapture {
    const covered = new Set<NameChange>();
    if (this.#journal.length === 0) return covered;
    const folders = new Set<FolderNode>();
    for (const change of this.#journal.toReversed()) {
      if (!change.names.some((place) => folders.has(place.folder) || isMeant(place))) continue;
      covered.add(change);
      for (const place of change.names) folders.add(place.folder);
    }
    return covered;
  }

  settle(captured: NameCapture): void {
    if (captured.size === 0) return;
    const left: NameChange[] = [];
    for (const change of this.#journal) {
      if (captured.has(change)) persist(change);
      else left.push(change);
    }
    this.#journal = left;
  }

  crash(loss: NameLoss, random: Prng): void {
    const kept = random.below(this.#journal.length + 1);
    const stopped = new Set<FolderNode>();
    for (const [index, change] of this.#journal.entries()) {
      const isBlocked = change.names.some(({ folder }) => stopped.has(folder));
      const isKept = loss === 'ordered' ? index < kept : !isBlocked && random.chance(0.6);
      if (isKept) persist(change);
      else for (const { folder } of change.names) stopped.add(folder);
    }
    this.#journal = [];
    const seen = new Set<Node>();
    this.#restore(this.root, seen, random);
  }

  #restore(folder: FolderNode, seen: Set<Node>, random: Prng): void {
    folder.entries = new Map(folder.durable);
    for (const node of folder.entries.values()) {
      const isNew = !seen.has(node);
      seen.add(node);
      if (node instanceof FolderNode) {
        this.#restore(node, seen, random);
        continue;
      }
      if (isNew) {
        node.content.crash(random);
        node.links = 0;
      }
      node.links += 1;
    }
  }

  #place(path: string): { folder: FolderNode; name: string } {
    return { folder: this.folder(posix.dirname(path)), name: posix.basename(path) };
  }

  #change(change: NameChange): void {
    this.#journal.push(change);
    for (const { folder, name, node } of change.names) {
      const before = folder.entries.get(name);
      if (before instanceof FileNode) before.links -= 1;
      if (node === null) folder.entries.delete(name);
      else folder.entries.set(name, node);
      if (node instanceof FileNode) node.links += 1;
    }
  }
}

function persist(change: NameChange): void {
  for (const { folder, name, node } of change.names) {
    if (node === null) folder.durable.delete(name);
    else folder.durable.set(name, node);
  }
}

export function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}
