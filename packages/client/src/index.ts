// The administration of a remote server, and databases on it as if they were here.
export { RemoteAdministration } from './remote-administration.js';
export type { RemoteAdministrationOptions } from './remote-calls.js';
export type { ClientDirectory, RemoteEnv } from './remote-env.js';
export type {
  ReadFrom,
  RemoteDurability,
  RemoteOptions,
  RemoteReadOptions,
  RemoteWriteOptions,
} from './remote-options.js';
export { RemotePamina } from './remote-pamina.js';
export type {
  RemoteTransaction,
  RemoteTransactionOperation,
  RemoteTransactionOptions,
  RemoteTransactionRange,
} from './remote-transaction.js';
