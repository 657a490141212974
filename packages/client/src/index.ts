// The administration of a remote server.
export { RemoteAdministration, type RemoteAdministrationOptions } from './remote-administration.js';
