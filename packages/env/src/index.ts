// What the other packages see of env.

export type { Clock } from './clock.js';
export type {
  DirectoryEntry,
  Disk,
  DiskFile,
  FileStatus,
  LockFileOptions,
  OpenMode,
} from './disk.js';
export type { Env } from './env.js';
export type {
  Channel,
  ChannelOptions,
  ClientTls,
  CloseReason,
  ConnectOptions,
  HttpListener,
  HttpRequestOptions,
  HttpResponse,
  HttpServerOptions,
  ListenerLimits,
  Network,
  ServerTls,
  UpgradeHandler,
  UpgradeRequest,
} from './network.js';
export { nodeEnv } from './node/env.js';
export { isTemporaryName } from './node/publish.js';
export { requestOver } from './node/request.js';
export type { Random } from './random.js';
export { securedNetwork, type SecuredNetworkOptions } from './secured-network.js';
export type { StoreLevel, Stores } from './stores.js';
