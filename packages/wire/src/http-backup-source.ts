// Reads a backup from the server that keeps it. Whoever restores reads several files at once and
// verifies what comes; here only its size is bounded.

import { backupTableBytesMax, chunkBytesMax, manifestBytesMax } from '@pamina/format';
import { type ByteRange, type HttpCaller, path } from './http-caller.js';
import { apiPrefix } from './http-limits.js';

/** A chunk that does not compress, with its header, or a table. */
const fileBytesMax = Math.max(2 * chunkBytesMax, backupTableBytesMax);

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
  const [, database, id] = match ?? [];
  if (database === undefined || id === undefined) return null;
  try {
    return {
      address: url.origin,
      database: decodeURIComponent(database),
      id: decodeURIComponent(id),
    };
  } catch {
    // The one error of decoding: a percent sign that encodes nothing.
    return null;
  }
}

export class HttpBackupSource {
  readonly #caller: HttpCaller;
  readonly #database: string;
  readonly #id: string;
  readonly #signal: AbortSignal | undefined;

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
    return concat(parts);
  }

  readFile(name: string): AsyncIterable<Uint8Array> {
    return this.#download(name, fileBytesMax);
  }

  readRange(name: string, offset: number, length: number): AsyncIterable<Uint8Array> {
    return this.#download(name, length, { offset, length });
  }

  #download(name: string, bytesMax: number, range?: ByteRange): AsyncIterable<Uint8Array> {
    const file = path`/files/${name}`;
    return this.#caller.download(
      { method: 'GET', path: `${this.#folder()}${file}`, range, signal: this.#signal },
      bytesMax,
    );
  }

  #folder(): string {
    return path`/databases/${this.#database}/backups/${this.#id}`;
  }
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
