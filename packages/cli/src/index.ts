// The `pamina` command, for its bin and for tests.
export { Interrupted, type Io, type OutputStream, type Parts } from './io.js';
export { main } from './main.js';
export { run } from './run.js';
