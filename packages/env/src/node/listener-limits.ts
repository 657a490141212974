// What a listener lets strangers take when its owner says nothing else.

import type { ListenerLimits } from '../network.js';

export const listenerLimits: ListenerLimits = {
  headerBytesMax: 16 * 1024,
  headersMax: 100,
  headersTimeoutMs: 10_000,
  // An import streams for long; a trickle must end some time.
  requestTimeoutMs: 60 * 60 * 1000,
  keepAliveTimeoutMs: 10_000,
  connectionsMax: 4_096,
  // One machine cannot take all that there is from the others.
  connectionsPerAddressMax: 2_048,
  handshakeTimeoutMs: 10_000,
  // What `pamina import -` reads from may be slow; nobody is let in to send a body unasked.
  bodyWindowMs: 5 * 60 * 1000,
  bodyBytesMin: 1_024,
  // Somebody may look at a page of `pamina export … | less` for a while.
  unreadAnswerMs: 5 * 60 * 1000,
  refusedBodyMs: 5_000,
};
