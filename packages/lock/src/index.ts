// The exports of @pamina/lock.
export { LockManager, type LockOptions, type LockPath } from './lock-manager.js';
export type { LockEntry } from './lock-table.js';
export type { LockMode } from './modes.js';
export type { LockOwner, OwnerTimes } from './owner.js';
export type { LockLevel, LockName } from './resource.js';
