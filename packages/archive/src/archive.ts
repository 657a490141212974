// Where backups and log are kept, away from the database: a flat set of named objects that are written
// once. Whoever reads proves by its own checksums what it gets; an archive proves only that it delivers
// what was stored (test/archive-contract.ts).

/** Names are paths with `/`: parts of letters, digits and `._-`, none beginning with a dot or a hyphen. */
export interface ArchiveObject {
  readonly name: string;
  /** As stored; of an encrypted archive that is more than `size` says. */
  readonly bytes: number;
  /** When it was written, ms since 1970, by the clock of the storage; null where that is not known. */
  readonly modifiedMs: number | null;
}

export interface ArchiveCall {
  /** Ends the call, and waits between retries, with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** `same`: an object with exactly these bytes was there already. */
export type PutOutcome = 'written' | 'same';

/**
 * Errors, everywhere: ARCHIVE_UNAVAILABLE (after retries), ARCHIVE_DENIED, DISK_FULL, ACCESS_DENIED,
 * DISK_ERROR. No error and no message ever has a credential in it.
 */
export interface Archive {
  /** Whether `list` tells more bytes than `size`. */
  readonly isEncrypted: boolean;
  /**
   * Names the set of recipients that objects are encrypted for now; null where nothing is encrypted, and
   * for who only reads.
   */
  readonly recipientsId: string | null;
  /** Address without credentials, for messages. */
  describe(): string;
  /**
   * The object holds `bytes` durably when this resolves, and it is whole from the moment that it can be
   * seen. ARCHIVE_CONFLICT if another object has the name: that one stays. ARCHIVE_DAMAGED if the storage
   * stored something else. ARCHIVE_OBJECT_TOO_LARGE beyond `archiveObjectBytesMax`.
   */
  putIfAbsent(name: string, bytes: Uint8Array, call?: ArchiveCall): Promise<PutOutcome>;
  /**
   * For the few objects that change: see `isReplaceable`. They are small, hold no data that exists nowhere
   * else, and who reads one must expect an older one.
   */
  replace(name: string, bytes: Uint8Array, call?: ArchiveCall): Promise<void>;
  /**
   * The bytes from `offset` on, at most `length` (null: to the end), as they come; fewer only where the
   * object ends. ARCHIVE_OBJECT_NOT_FOUND, ARCHIVE_DAMAGED (cut off, too long, changed while it was read).
   */
  getRange(
    name: string,
    offset: number,
    length: number | null,
    call?: ArchiveCall,
  ): AsyncIterable<Uint8Array>;
  /** Bytes that `getRange` gives; null where there is no such object. */
  size(name: string, call?: ArchiveCall): Promise<number | null>;
  /**
   * Whether the object was encrypted for just the recipients that objects are encrypted for now; true where
   * nothing is encrypted, false where it is not known (also: there is no such object, or it is damaged).
   */
  isForRecipients(name: string, call?: ArchiveCall): Promise<boolean>;
  /** All whose names begin with `prefix` (empty, or ending with `/`), in the order of their names' bytes. */
  list(prefix: string, call?: ArchiveCall): Promise<ArchiveObject[]>;
  /** Missing is fine. */
  delete(name: string, call?: ArchiveCall): Promise<void>;
}
