// The seam to files. States what is on disk after each call returns, since every promise about
// crashes rests on that; a simulated disk keeps to the same words (test/disk-contract.ts).
//
// Errors, everywhere: FILE_NOT_FOUND, FILE_EXISTS, ACCESS_DENIED, DISK_FULL, else DISK_ERROR, each
// with `cause` and context { operation, path }.

export interface Disk {
  /**
   * 'read': existing file, reading only. 'write': existing or new, reading and writing, nothing
   * cut off. 'create': as 'write' but must not exist yet (FILE_EXISTS). The name of a new file is
   * on disk only after `syncFolder` of its folder.
   */
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** The whole file; the caller knows that it is small. FILE_NOT_FOUND. */
  readFile(path: string): Promise<Uint8Array>;
  /** As `readFile`, null where there is no file. */
  readFileIfPresent(path: string): Promise<Uint8Array | null>;
  /** The file holds `bytes` on disk when this resolves; a crash at any point leaves the old or the new. */
  replaceFile(path: string, bytes: Uint8Array): Promise<void>;
  /** As `replaceFile`, but never replaces: FILE_EXISTS, also when two callers race. */
  createFile(path: string, bytes: Uint8Array): Promise<void>;
  /**
   * Appends all bytes, creating the file if need be. With `sync` they, and the name of a file that
   * was new, are on disk when this resolves. A failed append may leave a part of the bytes.
   */
  appendFile(path: string, bytes: Uint8Array, options: { sync: boolean }): Promise<void>;
  /**
   * Moves a file or folder inside one file system and syncs both parents. FILE_EXISTS when `to` is
   * there, unless `replace` (of a folder, only an empty one can be replaced). A crash leaves the old
   * or the new name. Two processes that race for one name use `createFile`: here the later may win.
   */
  rename(from: string, to: string, options?: { replace?: boolean | undefined }): Promise<void>;
  /**
   * Gives a file a second name; both are the one file from then on. The name is on disk after
   * `syncFolder`. FILE_EXISTS; LINK_REFUSED where the two are not in one file system, or where it makes
   * no hard links, or no more of this file.
   */
  link(from: string, to: string): Promise<void>;
  /** Removes one file. FILE_NOT_FOUND. The removal is on disk after `syncFolder`. */
  remove(path: string): Promise<void>;
  /** Removes a file or a folder with all that is in it; missing is fine. */
  removeTree(path: string): Promise<void>;
  /** Makes the folder and its missing parents and syncs what it made; existing is fine. */
  makeFolder(path: string): Promise<void>;
  /** Puts the names in this folder on disk. */
  syncFolder(path: string): Promise<void>;
  /** Entries in the order of their names. FILE_NOT_FOUND where there is no folder. */
  list(path: string): Promise<DirectoryEntry[]>;
  /** null where there is nothing. Follows symbolic links. */
  stat(path: string): Promise<FileStatus | null>;
  /** Absolute, without symbolic links: the identity of a folder. FILE_NOT_FOUND. */
  realPath(path: string): Promise<string>;
  /** A new empty folder of this process's user in the system's place for such; the caller removes it. */
  temporaryFolder(prefix: string): Promise<string>;
  /** Bytes that this user can still write to the file system that `path` is on. */
  freeBytes(path: string): Promise<number>;
  /**
   * Calls `onChange` after the file, or anything directly in the folder, was changed: once for a
   * burst, and at least once after the last change. A file may not exist yet (its folder must:
   * FILE_NOT_FOUND) and may be replaced by rename. A hint and not a history: re-read when called,
   * it may also come without a change. Returns the stop function, after which no call comes.
   */
  watch(path: string, onChange: () => void): Promise<() => Promise<void>>;
  /**
   * Takes a lock between processes (and inside one), held until the returned release is called or
   * the process is dead. TIMEOUT after `waitMs`, with the owner in the context; `signal.reason`
   * when aborted. Only for programs that ask for it; all on one machine.
   */
  lockFile(path: string, options: LockFileOptions): Promise<() => Promise<void>>;
}

export type OpenMode = 'read' | 'write' | 'create';

export interface FileStatus {
  readonly isFolder: boolean;
  readonly bytes: number;
  readonly modifiedMs: number;
  /** When the system noted the last change of anything about it, which no program can set back. */
  readonly changedMs: number;
  /** Who may do what, as in chmod (0o600…); null where the system has no such (Windows). */
  readonly permissions: number | null;
}

export interface DirectoryEntry extends FileStatus {
  readonly name: string;
}

export interface LockFileOptions {
  /** How long to wait for another owner; 0 tries once. */
  readonly waitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** One open file. Calls may overlap; `close` waits for those under way. */
export interface DiskFile {
  readonly path: string;
  /** Writes all bytes at this offset or throws; then any part of them may be there. */
  write(bytes: Uint8Array, at: number): Promise<void>;
  /**
   * Bytes read into the front of `into`, fewer than asked for only at the end of the file, 0 there. `isRecent`:
   * this process has just written them, so that they stand in memory and a small read need not wait for others.
   */
  read(into: Uint8Array, at: number, isRecent?: boolean): Promise<number>;
  /** All bytes written before, and the size needed to find them, are on disk. */
  datasync(): Promise<void>;
  /** As `datasync`, with all metadata. */
  sync(): Promise<void>;
  /** Cuts off or extends with zeros. */
  truncate(bytes: number): Promise<void>;
  size(): Promise<number>;
  /** Does not sync. Twice is harmless; any other call afterwards is DISK_ERROR. */
  close(): Promise<void>;
}
