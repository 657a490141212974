// How the records of a log are shown, and which of them are asked for.

export interface LogOperation {
  readonly type: 'put' | 'del';
  readonly space: 'user' | 'system' | 'local';
  /** UTF-8 text; what is not UTF-8 is shown as `0x…`. Without the byte that names the space. */
  readonly key: string;
  readonly valueBytes: number | null;
}

/** One record of the log. */
export interface LogLine {
  readonly position: string;
  readonly seq: number;
  readonly kind: string;
  readonly time: number;
  readonly bytes: number;
  readonly session: number;
  readonly segment: string;
  readonly offset: number;
  /** Commits only: how many operations, and the first of them (at most `logOperationsShownMax`). */
  readonly operationCount: number | null;
  readonly operations: readonly LogOperation[];
  /** Control records only: the decoded body. */
  readonly body: unknown;
}

export const logOperationsShownMax = 20;

export interface LogOptions {
  readonly from?: number | undefined;
  readonly limit?: number | undefined;
  /** ms since 1970: the records before and after it, half of the limit (by default 20) each. */
  readonly around?: number | undefined;
  /** Only commits that touch a key which holds this text; of their operations, those. */
  readonly grep?: string | undefined;
  /** A place that restores take from, whose log is read instead of the database's own. */
  readonly source?: string | undefined;
}
