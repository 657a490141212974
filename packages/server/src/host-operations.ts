// What those who run a host ask of it beside the administration: health, events, pages, an orderly end.

import type { RangeOptions, RangePage } from '@pamina/wire';
import { condition, type DatabaseCondition } from './host-condition.js';
import type { HostCore } from './host-core.js';
import { events, type EventsOptions, type ServedEvent } from './host-events.js';
import { range } from './host-range.js';
import { drainAll, type OpenWait, type StopReport } from './host-stop.js';
import type { StopPace } from './stop-pace.js';

export interface HostOperations {
  /** Of the databases here, whatever they are. */
  names(): Promise<string[]>;
  /** Known without the disk; a name that is not here is offline. */
  condition(name: string): DatabaseCondition;
  /** DATABASE_NOT_FOUND, REQUEST_INVALID; then BACKLOG_FULL for a reader that is too slow. */
  events(name: string, options: EventsOptions): Promise<AsyncIterable<ServedEvent>>;
  /** CURSOR_INVALID, and as a query. */
  range(name: string, options?: RangeOptions): Promise<RangePage>;
  /** No client begins a transaction any more; those that are open are waited for. */
  drain(pace: StopPace, wait: OpenWait): Promise<StopReport>;
}

export function hostOperations(core: HostCore): HostOperations {
  return {
    names: () => core.names(),
    condition: (name) => condition(core, name),
    events: (name, options) => events(core, name, options),
    range: (name, options) => range(core, name, options),
    drain: (pace, wait) => drainAll(core, pace, wait),
  };
}
