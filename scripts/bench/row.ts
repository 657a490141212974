// What a row is, and what it is given.
import type { Budget } from './options.js';
import type { Peers } from './peer/peers.js';
import type { Progress } from './progress.js';
import type { LatencyLine, Line } from './report.js';
import type { Stage } from './stage.js';
import type { StoreOptions } from './store-options.js';

export interface Row {
  readonly name: string;
  readonly title: string;
  run(context: RowContext): Promise<RowResult>;
}

export interface RowContext {
  readonly stage: Stage;
  readonly budget: Budget;
  readonly peers: Peers;
  readonly storeOptions: StoreOptions;
  readonly progress: Progress;
  readonly cores: number;
  /** Turns that began although the machine was not quiet. */
  readonly unquiet: { turns: number; of: number };
}

export interface RowResult {
  readonly lines: readonly Line[];
  readonly latencies: readonly LatencyLine[];
  /** Everything that was measured, for the JSON. */
  readonly turns: Readonly<Record<string, unknown>>;
}
