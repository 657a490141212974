// The administration of a remote server.
export { HttpBackupSource, parseBackupUrl } from '@pamina/wire';
export { RemoteAdministration, type RemoteAdministrationOptions } from './remote-administration.js';
