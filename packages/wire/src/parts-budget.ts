// Parts of calls that lie about, on all connections of a server or one of a client, share one bound (P13).

import { callPartsBytesMax, PaminaError } from '@pamina/format';
import type { PartsBudget } from './frame-reader.js';

export function partsBudget(bytesMax = callPartsBytesMax): PartsBudget {
  let held = 0;
  return {
    take(bytes) {
      if (held + bytes > bytesMax) {
        throw new PaminaError('BACKLOG_FULL', `parts of calls with ${held} bytes are here already`);
      }
      held += bytes;
    },
    give(bytes) {
      held -= bytes;
    },
  };
}
