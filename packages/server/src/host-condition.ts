// What can be said of a database at once, from what this process knows already: for health checks, which come every
// second, and for who is told of changes.

import { refusedByFence } from '@pamina/engine';
import type { DatabaseState } from '@pamina/wire';
import type { HostCore } from './host-core.js';
import { conditionOf } from './host-status.js';

export interface DatabaseCondition {
  readonly online: boolean;
  /** Null where it is not known without the disk: it is not here, or it is offline. */
  readonly type: 'normal' | 'replica' | null;
  readonly state: DatabaseState;
  readonly reason: string | null;
  /** Since when it is in this state, ms since 1970. */
  readonly since: number | null;
  readonly message: string | null;
  /** It takes no writes: another database is to take its place, or has. */
  readonly isFenced: boolean;
  /** What is read here is at most so old, ms; null if that is not known. */
  readonly behindMs: number | null;
}

export function condition(core: HostCore, name: string): DatabaseCondition {
  const online = core.online.get(name);
  if (online === undefined) return offline(core, name);
  const { control, freshness } = online.database;
  return {
    online: true,
    type: control.type === 'replica' ? 'replica' : 'normal',
    ...conditionOf(online),
    isFenced: refusedByFence(control) !== null,
    behindMs: freshness.behindMs('applied'),
  };
}

function offline(core: HostCore, name: string): DatabaseCondition {
  const fault = core.faults.get(name);
  const { message = null, hint = null, code = null } = fault?.error ?? {};
  return {
    online: false,
    type: null,
    state: fault === undefined ? 'offline' : 'failed',
    reason: fault === undefined ? null : `${code}: ${message}`,
    since: fault?.since ?? core.stoppedAt.get(name) ?? null,
    message: hint,
    isFenced: false,
    behindMs: null,
  };
}
