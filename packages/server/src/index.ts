// The server: hosts the databases of a data folder.
export { keptBackupsOf } from './host-kept-backups.js';
export { Host } from './host.js';
export type { HostOptions } from './host-core.js';
export { requestsPerSecondDefault } from './request-rate.js';
export type { Notice } from './notice.js';
export {
  type CloseOptions,
  type HostedDatabases,
  type HostServer,
  type PaminaServer,
  serve,
  type ServeOptions,
} from './server.js';
export { logLevels, type LogOptions } from './server-log.js';
export { readClientTls, type TlsFiles } from './tls-files.js';
