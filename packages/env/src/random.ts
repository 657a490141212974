// The seam to randomness, so that a simulation can replay a run from its seed.

export interface Random {
  /** `count` unpredictable bytes (fit for ids and tokens), owned by the caller. */
  bytes(count: number): Uint8Array;
  /** A number in [0, 1), for jitter; not for secrets. */
  fraction(): number;
}
