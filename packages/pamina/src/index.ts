// The public interface of Pamina: everything that a program gets from `import … from 'pamina'`.

// The database: `new Pamina(location, options)` stands where `new Level(location, options)` stood.
export { Pamina, adopt } from '@pamina/engine';
export type { AdoptOptions, Adopted, Database, PaminaOptions } from '@pamina/engine';

// Positions name states; errors have codes.
export { PaminaError, formatPosition, isPaminaError, parsePosition } from '@pamina/format';
export type { BackupManifest, ErrorCode, Position, Timeline } from '@pamina/format';

// Backups: take, list, verify, restore.
export { folderSource, listBackups, restore, takeBackup, verifyBackup } from '@pamina/backup';
export type {
  BackupProgress,
  BackupSource,
  ListedBackup,
  RestoreOptions,
  RestoreProgress,
  TakeBackupOptions,
  VerifiedBackup,
  VerifyOptions,
} from '@pamina/backup';

// Serving the databases of a folder, and administering a server elsewhere.
export { serve } from '@pamina/server';
export type { PaminaServer, ServeOptions } from '@pamina/server';
export { RemoteAdministration } from '@pamina/client';
export type { RemoteAdministrationOptions } from '@pamina/client';
export type {
  Administration,
  BackupSummary,
  DatabaseStatus,
  DatabaseSummary,
  ReplicaSummary,
} from '@pamina/wire';

// The world as these functions want it: `nodeEnv()` in a program, something else in a simulation.
export { nodeEnv } from '@pamina/env';
export type { Env } from '@pamina/env';
