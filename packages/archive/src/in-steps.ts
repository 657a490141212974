// Work on many bytes in small steps, with everybody else's work in between: a whole segment at once would
// hold up every commit for a second.
import { createHash } from 'node:crypto';
import type { Clock } from '@pamina/env';
import type { Encrypter } from 'age-encryption';

const hashStepBytes = 1024 * 1024;
/** About 5 ms. */
const encryptStepBytes = 256 * 1024;

export interface Digests {
  readonly md5: Buffer;
  /** Lowercase hex. */
  readonly sha256: string;
}

export async function digestsOf(bytes: Uint8Array, clock: Clock): Promise<Digests> {
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  for (let at = 0; at < bytes.length; at += hashStepBytes) {
    if (at > 0) await clock.sleep(0);
    const step = bytes.subarray(at, at + hashStepBytes);
    md5.update(step);
    sha256.update(step);
  }
  return { md5: md5.digest(), sha256: sha256.digest('hex') };
}

export async function encryptInSteps(
  encrypter: Encrypter,
  bytes: Uint8Array,
  clock: Clock,
): Promise<Uint8Array> {
  if (bytes.length <= encryptStepBytes) return encrypter.encrypt(bytes);
  let at = 0;
  const source = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        await clock.sleep(0);
        controller.enqueue(bytes.subarray(at, at + encryptStepBytes));
        at += encryptStepBytes;
        if (at >= bytes.length) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  const parts: Uint8Array[] = [];
  const encrypted = (await encrypter.encrypt(source)).getReader();
  for (;;) {
    const { done, value } = await encrypted.read();
    if (done) return new Uint8Array(Buffer.concat(parts));
    parts.push(value);
  }
}
