// What is acknowledged and not yet in the store (DESIGN §2). Reads look here first, then in the store;
// together they are exactly the state after the last acknowledged record. Nothing is indexed before
// somebody reads, so that a load of writes alone pays nothing.
import { RecordKind, forEachOperation, recordHeaderBytes } from '@pamina/format';
import { forEachRecord, type Group, type RecordBatch } from '@pamina/log';

/** Bytes of a value, null for a deleted key, undefined for a key that stands only in the store. */
export type Found = Uint8Array | null | undefined;

/** One group, as far as it is visible. */
interface Layer {
  readonly group: Group;
  readonly firstSeq: number;
  end: number;
  /** Up to here the operations stand in the index. */
  indexedTo: number;
  readonly keys: string[];
}

interface Entry {
  readonly layer: Layer;
  readonly start: number;
  /** -1: the key was deleted. */
  readonly end: number;
}

export class Overlay {
  readonly #layers: Layer[] = [];
  readonly #index = new Map<string, Entry>();
  #indexedLayers = 0;
  #bytes = 0;
  #visibleSeq = 0;

  /** The store holds all that was acknowledged. */
  get isEmpty(): boolean {
    return this.#layers.length === 0;
  }

  /** Memory of what is visible here. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The last record that a read sees; meaningful only while the overlay is not empty. */
  get visibleSeq(): number {
    return this.#visibleSeq;
  }

  /** The records of a group up to byte `end`, the last of them `seq`, are visible from now on. Groups come in order. */
  show(group: Group, end: number, seq: number): void {
    const last = this.#layers.at(-1);
    if (last?.group === group) {
      this.#bytes += end - last.end;
      last.end = end;
    } else {
      const layer = { group, firstSeq: group.firstSeq, end, indexedTo: 0, keys: [] };
      this.#layers.push(layer);
      this.#bytes += end;
    }
    this.#visibleSeq = seq;
  }

  /** The oldest group is in the store. */
  drop(group: Group): void {
    const layer = this.#layers[0];
    if (layer?.group !== group) return;
    this.#layers.shift();
    this.#bytes -= layer.end;
    if (this.#indexedLayers > 0) this.#indexedLayers--;
    for (const key of layer.keys) {
      if (this.#index.get(key)?.layer === layer) this.#index.delete(key);
    }
  }

  /** Takes back what is visible beyond record `seq`: it never reached the disk. */
  retract(seq: number): void {
    const kept = this.#layers.filter((layer) => layer.firstSeq <= seq);
    if (kept.length === this.#layers.length) return;
    this.#layers.splice(0, this.#layers.length, ...kept);
    this.#bytes = kept.reduce((sum, layer) => sum + layer.end, 0);
    this.#visibleSeq = seq;
    this.#index.clear();
    this.#indexedLayers = 0;
    for (const layer of kept) {
      layer.indexedTo = 0;
      layer.keys.length = 0;
    }
  }

  /** The bytes are a view: copy what is kept. `key` as it stands in the store. */
  find(key: Buffer): Found {
    this.#indexAll();
    const entry = this.#index.get(key.toString('latin1'));
    if (entry === undefined) return undefined;
    return entry.end < 0 ? null : entry.layer.group.bytes.subarray(entry.start, entry.end);
  }

  /** What is visible now, whatever is shown and dropped later. */
  freeze(): FrozenOverlay {
    return new FrozenOverlay(
      this.#layers.map(({ group, end }) => ({ bytes: group.pin(), view: group.view, end })),
    );
  }

  #indexAll(): void {
    // Only the last indexed layer can have grown since.
    for (let at = Math.max(this.#indexedLayers - 1, 0); at < this.#layers.length; at++) {
      const layer = this.#layers[at]!;
      if (layer.indexedTo === layer.end) continue;
      forEachVisible(layer.group, layer.indexedTo, layer.end, (key, start, end) => {
        layer.keys.push(key);
        this.#index.set(key, { layer, start, end });
      });
      layer.indexedTo = layer.end;
    }
    this.#indexedLayers = this.#layers.length;
  }
}

type Visible = Pick<RecordBatch, 'bytes' | 'view' | 'end'>;

/** The overlay of one moment, for a snapshot that the store has not reached yet. */
export class FrozenOverlay {
  readonly #layers: readonly Visible[];
  #index: Map<string, Uint8Array | null> | null = null;

  constructor(layers: readonly Visible[]) {
    this.#layers = layers;
  }

  /** As Overlay.find. */
  find(key: Buffer): Found {
    this.#index ??= this.#indexed();
    return this.#index.get(key.toString('latin1'));
  }

  #indexed(): Map<string, Uint8Array | null> {
    const index = new Map<string, Uint8Array | null>();
    for (const layer of this.#layers) {
      forEachVisible(layer, 0, layer.end, (key, start, end) =>
        index.set(key, end < 0 ? null : layer.bytes.subarray(start, end)),
      );
    }
    return index;
  }
}

function forEachVisible(
  { bytes, view }: Pick<Visible, 'bytes' | 'view'>,
  start: number,
  end: number,
  visit: (key: string, valueStart: number, valueEnd: number) => void,
): void {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const visitor = {
    put: (keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) =>
      visit(text.toString('latin1', keyStart, keyEnd), valueStart, valueEnd),
    delete: (keyStart: number, keyEnd: number) =>
      visit(text.toString('latin1', keyStart, keyEnd), -1, -1),
  };
  forEachRecord({ view, start, end }, (header, at) => {
    if (header.kind !== RecordKind.commit) return;
    forEachOperation(bytes, view, at + recordHeaderBytes, at + header.length, visitor);
  });
}
