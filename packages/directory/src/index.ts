// Where databases are, by name.
export { type Directory, type DirectoryEntry, type IsAlive } from './directory.js';
export { validateAddress } from './directory-content.js';
export { FileDirectory, type FileDirectoryOptions } from './file-directory.js';
export { isEtcdAddress } from './etcd-address.js';
export { openDirectory, type OpenDirectoryOptions } from './open-directory.js';
