// The administration of a remote server.
export { RemoteAdministration } from './remote-administration.js';
export type { RemoteAdministrationOptions } from './remote-calls.js';
