// The text of a user's token: a word that finds it in files where it should not be, an id, and a secret of 256 random
// bits. What is kept of it is the digest of the whole text.

import type { Random } from '@pamina/env';
import { bytesToHex } from '@pamina/format';
import { createHash } from 'node:crypto';

const idBytes = 8;
const secretBytes = 32;
const pattern = /^pamina_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

export interface MadeToken {
  readonly id: string;
  readonly text: string;
  /** SHA-256 of the text, hex. A secret of this size needs no slow function. */
  readonly hash: string;
}

export function makeToken(random: Random): MadeToken {
  const id = bytesToHex(random.bytes(idBytes));
  const secret = Buffer.from(random.bytes(secretBytes)).toString('base64url');
  const text = `pamina_${id}_${secret}`;
  return { id, text, hash: createHash('sha256').update(text).digest('hex') };
}

/** Null if the text is not that of a user's token. */
export function tokenIdOf(text: string): string | null {
  return pattern.exec(text)?.[1] ?? null;
}
