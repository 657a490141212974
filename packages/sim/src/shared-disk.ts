// The disk of a machine on which one folder is another machine's, as a network file system gives it, and what is
// written to it of the nature of a database: who it is, whom it follows, whether it may write.

import type { Control } from '@pamina/engine';
import type { Disk } from '@pamina/env';

export interface SharedDiskOptions {
  readonly own: Disk;
  readonly shared: Disk;
  /** What is below it is on the shared one. */
  readonly sharedFolder: string;
  /** A control file is on the disk, as the program that wrote it was told. */
  readonly onControl: (control: Control) => void;
}

export function sharedDisk({ onControl, own, shared, sharedFolder }: SharedDiskOptions): Disk {
  const diskOf = (path: unknown): Disk =>
    String(path).startsWith(`${sharedFolder}/`) || path === sharedFolder ? shared : own;
  const replaceFile: Disk['replaceFile'] = async (path, bytes) => {
    await diskOf(path).replaceFile(path, bytes);
    const control = path.endsWith('/control.json') ? controlIn(bytes) : null;
    if (control !== null) onControl(control);
  };
  return new Proxy(own, {
    get(_own, property) {
      if (property === 'replaceFile') return replaceFile;
      // It is no promise.
      if (property === 'then') return undefined;
      return (...given: unknown[]): unknown => {
        const disk = diskOf(given[0]) as unknown as Record<
          PropertyKey,
          (...all: unknown[]) => unknown
        >;
        return disk[property]?.(...given);
      };
    },
  });
}

/** Null for what was not written whole. */
export function controlIn(bytes: Uint8Array | null): Control | null {
  if (bytes === null || bytes.length === 0) return null;
  return JSON.parse(Buffer.from(bytes).toString()) as Control;
}
