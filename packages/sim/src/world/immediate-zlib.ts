// Node compresses on real threads, which take real time in no fixed order. In a simulated world it is done
// at once instead; the answer still comes later, as callers expect, but within the same event.

import { createRequire, syncBuiltinESMExports } from 'node:module';
import type zlib from 'node:zlib';

type Work = (bytes: Uint8Array, options: object) => Uint8Array;
type Done = (error: Error | null, result?: Uint8Array) => void;

type Call = (bytes: Uint8Array, ...rest: [Done] | [object, Done]) => void;

function atOnce(work: Work): Call {
  return (bytes, ...rest) => {
    const [options, done] = rest.length === 1 ? [{}, rest[0]] : rest;
    let answer: () => void;
    try {
      const result = work(bytes, options);
      answer = () => done(null, result);
    } catch (error) {
      answer = () => done(error instanceof Error ? error : new Error(String(error)));
    }
    process.nextTick(answer);
  };
}

/** For the whole real process, once and for good. */
export function compressAtOnce(): void {
  const builtin = createRequire(import.meta.url)('node:zlib') as typeof zlib;
  Object.assign(builtin, {
    brotliCompress: atOnce(builtin.brotliCompressSync),
    brotliDecompress: atOnce(builtin.brotliDecompressSync),
  });
  syncBuiltinESMExports();
}
