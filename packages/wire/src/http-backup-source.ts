// Reads a backup from the server that keeps it, a few files ahead of the restore that takes them:
// the network and the store are busy at the same time. Checksums are the restore's to verify.

import { type BackupManifest, decodeManifest, manifestBytesMax, PaminaError } from '@pamina/format';
import { type HttpCaller, path } from './http-caller.js';
import { apiPrefix, valueBodyBytesMax } from './http-limits.js';

const filesAheadMax = 4;
const bytesAheadMax = 32 * 1024 * 1024;

/** Where a backup is, taken from its URL. */
export interface BackupUrl {
  readonly address: string;
  readonly database: string;
  readonly id: string;
}

/** `http://host:port/v1/databases/NAME/backups/ID`; null for any other text. */
export function parseBackupUrl(text: string): BackupUrl | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  const match = new RegExp(`^${apiPrefix}/databases/([^/]+)/backups/([^/]+)/?$`).exec(url.pathname);
  if (match?.[1] === undefined || match[2] === undefined) return null;
  return {
    address: url.origin,
    database: decodeURIComponent(match[1]),
    id: decodeURIComponent(match[2]),
  };
}

interface Ahead {
  readonly bytes: number;
  readonly content: Promise<Uint8Array[]>;
}

export class HttpBackupSource {
  readonly #caller: HttpCaller;
  readonly #database: string;
  readonly #id: string;
  readonly #signal: AbortSignal | undefined;
  #files: BackupManifest['chunks'] = [];
  readonly #ahead = new Map<string, Ahead>();
  #bytesAhead = 0;

  constructor(caller: HttpCaller, database: string, id: string, signal?: AbortSignal) {
    this.#caller = caller;
    this.#database = database;
    this.#id = id;
    this.#signal = signal;
  }

  describe(): string {
    return `${this.#caller.address}${apiPrefix}${this.#folder()}`;
  }

  async readManifest(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for await (const part of this.#download('manifest', manifestBytesMax)) parts.push(part);
    const bytes = concat(parts);
    this.#files = decodeManifest(bytes).chunks;
    return bytes;
  }

  async *readFile(name: string): AsyncIterable<Uint8Array> {
    const ready = this.#ahead.get(name);
    this.#ahead.delete(name);
    this.#bytesAhead -= ready?.bytes ?? 0;
    this.#fetchAfter(name);
    if (ready === undefined) yield* this.#download(name, this.#bytesMax(name));
    else yield* await ready.content;
  }

  #fetchAfter(name: string): void {
    const at = this.#files.findIndex((file) => file.file === name);
    if (at === -1) return;
    for (const { file, bytes } of this.#files.slice(at + 1, at + 1 + filesAheadMax)) {
      if (this.#ahead.has(file)) continue;
      if (this.#bytesAhead + bytes > bytesAheadMax) return;
      this.#bytesAhead += bytes;
      const content = collect(this.#download(file, bytes));
      // Handled by whoever reads this file; if nobody does, the restore failed for a reason of its own.
      content.catch(() => undefined);
      this.#ahead.set(file, { bytes, content });
    }
  }

  #bytesMax(name: string): number {
    const file = this.#files.find((candidate) => candidate.file === name);
    if (file === undefined && this.#files.length > 0) {
      throw new PaminaError('BACKUP_NOT_FOUND', `${this.describe()} has no file ${name}`);
    }
    return file?.bytes ?? valueBodyBytesMax;
  }

  #download(name: string, bytesMax: number): AsyncIterable<Uint8Array> {
    const file = path`/files/${name}`;
    return this.#caller.download(
      { method: 'GET', path: `${this.#folder()}${file}`, signal: this.#signal },
      bytesMax,
    );
  }

  #folder(): string {
    return path`/databases/${this.#database}/backups/${this.#id}`;
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for await (const part of chunks) parts.push(part);
  return parts;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
