// What a history may show that its isolation levels forbid.

export const anomalyNames = [
  /** It did not see what it had written itself. */
  'own write not seen',
  /** A value that nobody wrote there. */
  'value from nowhere',
  /** Of a transaction that was rolled back (Adya's G1a). */
  'aborted read',
  /** Of a transaction that wrote the document again before its commit (G1b). */
  'intermediate read',
  /** Before the commit of its writer was asked for. */
  'uncommitted read',
  /** Two held the lock of a writer at a time. */
  'dirty write',
  /** A write on top of what was rolled back. */
  'dirty update',
  /** A list that its versions do not explain. */
  'incompatible order',
  'non-repeatable read',
  'phantom',
  /** A document that was read for the whole transaction was changed before its end. */
  'changed while held',
  'cursor lost update',
  'lost update',
  /** Not the state that was acknowledged, or that somebody had seen, before it was asked for. */
  'stale read',
  /** As that, and it was the session itself that had seen more. */
  'session goes back',
  /** Cycles of dependencies: G0, G1c, G-single, G2-item, G2. */
  'write cycle',
  'circular information flow',
  'read skew',
  'write skew',
  'range write skew',
  'long fork',
  /** A cycle that closes only by what ended before another one began. */
  'real-time cycle',
  /** Accounts read in one transaction do not add up. */
  'total not kept',
] as const;

export type AnomalyName = (typeof anomalyNames)[number];

export interface Anomaly {
  readonly name: AnomalyName;
  /** Ids; of a cycle in its order. */
  readonly transactions: readonly number[];
  readonly keys: readonly string[];
  /** What happened, in words. */
  readonly text: string;
}
