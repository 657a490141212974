// The layout of a file of age (age-encryption.org/v1), as far as it takes to read from the middle: header,
// 16 bytes of nonce, then chunks of 64 KiB each sealed on its own, the last one marked as the last.
import { createDecipheriv, hkdfSync } from 'node:crypto';

export const chunkBytes = 64 * 1024;
const tagBytes = 16;
export const sealedChunkBytes = chunkBytes + tagBytes;
export const payloadNonceBytes = 16;

const headerStart = 'age-encryption.org/v1\n';

/** Length of the header in `bytes`, its MAC line included; null if it does not end there. */
export function headerLength(bytes: Uint8Array): number | null {
  const text = new TextDecoder('latin1').decode(bytes);
  if (!text.startsWith(headerStart)) return null;
  const mac = /\n--- [A-Za-z0-9+/]{43}\n/.exec(text);
  return mac === null ? null : mac.index + mac[0].length;
}

/** Plain bytes in so many sealed ones; null if no file has so many. */
export function plainBytesOf(sealedBytes: number): number | null {
  const chunks = Math.ceil(sealedBytes / sealedChunkBytes);
  const last = sealedBytes - (chunks - 1) * sealedChunkBytes;
  const isWhole = chunks >= 1 && (last > tagBytes || (chunks === 1 && last === tagBytes));
  return isWhole ? sealedBytes - chunks * tagBytes : null;
}

export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', fileKey, nonce, 'payload', 32));
}

/** null if the chunk is not what was sealed at this place. */
export function openChunk(
  key: Uint8Array,
  index: number,
  isLast: boolean,
  sealed: Uint8Array,
): Uint8Array | null {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(3, BigInt(index));
  nonce[11] = isLast ? 1 : 0;
  const split = sealed.length - tagBytes;
  if (split < 0) return null;
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: tagBytes });
  decipher.setAuthTag(sealed.subarray(split));
  const plain = decipher.update(sealed.subarray(0, split));
  try {
    decipher.final();
    return plain;
  } catch (error) {
    // The one thing that `final` has to say is that the tag does not fit.
    if (error instanceof Error) return null;
    throw error;
  }
}
