// A world in which the same program writes the same files: a clock that goes on when it is told to, and
// randomness from a counter. Disk and network are the real ones.
import { createHash } from 'node:crypto';
import { nodeEnv, type Env } from '@pamina/env';

const startMs = Date.UTC(2026, 6, 29, 13, 38, 5);

export interface FixedEnv extends Env {
  /** Goes one second on. */
  readonly tick: () => void;
}

export function fixedEnv(): FixedEnv {
  const real = nodeEnv();
  let now = startMs;
  let count = 0;
  const bytes = (length: number): Uint8Array => {
    const parts: Uint8Array[] = [];
    for (let had = 0; had < length; had += 32) {
      parts.push(createHash('sha256').update(`golden ${count++}`).digest());
    }
    return new Uint8Array(Buffer.concat(parts).subarray(0, length));
  };
  return {
    ...real,
    clock: { ...real.clock, now: () => now, monotonic: () => now - startMs },
    random: { bytes, fraction: () => 0.5 },
    tick: () => {
      now += 1000;
    },
  };
}
