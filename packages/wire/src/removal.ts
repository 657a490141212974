// What is left behind, and what goes, when a database is replaced or deleted.

/** A copy that was replaced stays until a person removes its folder. */
export interface ReplacedCopy {
  /** Absolute, where the server runs. */
  readonly path: string;
  readonly sizeBytes: number;
}

/** An archive that the deleted database had; what is there stays. */
export interface LeftArchive {
  readonly name: string;
  /** Without credentials. */
  readonly address: string;
  /** Why the archive could not be told that nothing comes any more; null where it was. */
  readonly problem: string | null;
}

export interface DeleteReport {
  /** Paths below the data folder; with `dryRun` what would be removed and kept. */
  readonly removed: readonly string[];
  readonly kept: readonly string[];
  /** Left out by older servers. */
  readonly archives?: readonly LeftArchive[] | undefined;
}
