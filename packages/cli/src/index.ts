// The `pamina` command, for its bin and for tests.
export { type Io, type OutputStream, type Parts } from './io.js';
export { main } from './main.js';
