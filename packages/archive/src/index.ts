// What other packages may use of archive. Never imported from inside this package.
export { formatArchiveAddress, parseArchiveAddress } from './address.js';
export type { ArchiveAddress } from './address.js';
export type { Archive, ArchiveCall, ArchiveObject, PutOutcome } from './archive.js';
export { readObject, readRange } from './collect.js';
export type { Environment } from './credentials.js';
export type { EncryptionOptions } from './age/encrypted-archive.js';
export { openArchive } from './open-archive.js';
export type { OpenArchiveOptions } from './open-archive.js';
