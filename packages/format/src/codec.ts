// The codec of everything that is not on the hot path: control bodies, manifests, wire messages.
// msgpackr with the plain types of JSON plus bytes; what comes from outside is walked by
// document-scan.ts first, so that msgpackr only ever sees what cannot hurt.
import { Packr, Unpackr, type Options } from 'msgpackr';
import { scanDocument } from './document-scan.js';
import type { ErrorCode } from './errors.js';
import { PaminaError } from './pamina-error.js';
import { requirePlain } from './plain-value.js';

// skipValues: fields that are undefined are left out. msgpackr's types do not list it.
const options: Options & { skipValues: undefined[] } = {
  useRecords: false,
  mapsAsObjects: true,
  int64AsType: 'number',
  copyBuffers: true,
  skipValues: [undefined],
};
const packr = new Packr(options);
const unpackr = new Unpackr(options);

/**
 * A value made of null, booleans, numbers, texts, bytes (Uint8Array), lists and plain objects, as a
 * copy that nothing else writes to. Fields that are undefined are left out. Throws TypeError for
 * anything that would not come back.
 */
export function packBytes(value: unknown): Uint8Array {
  requirePlain(value);
  // msgpackr hands out a part of a pool that the next call may overwrite
  return new Uint8Array(packr.pack(value));
}

/**
 * The value in `bytes`, which must hold exactly one. Bytes in it are copies. Throws `code` for
 * anything else; never allocates more than a small multiple of the bytes that are really there.
 */
export function unpackBytes(bytes: Uint8Array, code: ErrorCode): unknown {
  const problem = scanDocument(bytes);
  if (problem !== null) throw new PaminaError(code, `the encoded data is not valid: ${problem}`);
  try {
    // a view of its own, because msgpackr leaves a property on the object that it reads
    return unpackr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    throw new PaminaError(code, 'the encoded data is not valid', { cause });
  }
}
