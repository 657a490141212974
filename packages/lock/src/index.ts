// The exports of @pamina/lock.
export { LockManager, type LockOptions } from './lock-manager.js';
export type { LockEntry } from './lock-entry.js';
export type { LockPath } from './lock-table.js';
export type { LockMode } from './modes.js';
export type { LockOwner, OwnerTimes } from './owner.js';
export type { LockLevel, LockName } from './resource.js';
