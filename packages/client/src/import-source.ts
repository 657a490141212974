// The entries of an import as the body of a request.

import type { Entry } from '@pamina/wire';

const encoder = new TextEncoder();
const blockLength = 64 * 1024;

/** Lines gathered into blocks, since each block is a write of its own on the connection. */
export class ImportSource {
  failed = false;
  failure: unknown = null;
  readonly #entries: AsyncIterable<Entry>;

  constructor(entries: AsyncIterable<Entry>) {
    this.#entries = entries;
  }

  async *blocks(): AsyncIterable<Uint8Array> {
    let text = '';
    try {
      for await (const { key, value } of this.#entries) {
        text += `${JSON.stringify({ key, value })}\n`;
        if (text.length < blockLength) continue;
        yield encoder.encode(text);
        text = '';
      }
    } catch (error) {
      this.failed = true;
      this.failure = error;
      throw error;
    }
    if (text !== '') yield encoder.encode(text);
  }
}
