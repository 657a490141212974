// The words of transactions: what one may notice of others meanwhile, and what its reads lock.

export const isolationLevels = [
  'uncommittedDocument',
  'committedCommand',
  'stableCursor',
  'stableDocument',
  'serializable',
  'snapshot',
] as const;

/** docs/transactions.md of the engine says what each allows and forbids. */
export type Isolation = (typeof isolationLevels)[number];

export const readLockModes = ['unprotected', 'shared', 'protected'] as const;

/**
 * Of a read, whatever the level: `unprotected` takes no lock and sees what was last committed; `shared` keeps others
 * from changing what it read, `protected` from reading it under a lock too, until the transaction ends.
 */
export type ReadLockMode = (typeof readLockModes)[number];

/** What a stop does with open transactions, from the patient to the hard. */
export const stopModes = ['normal', 'rollback', 'abort'] as const;
export type StopMode = (typeof stopModes)[number];
