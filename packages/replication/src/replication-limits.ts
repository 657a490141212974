// Times and sizes of replication that are nobody else's business. Units are in the names.

/** A feed says where it stands this often, and both sides look at their clocks. */
export const heartbeatMs = 1000;

/** A peer that has not said hello or welcome by then is given up. */
export const handshakeMs = 30_000;

/** A connected feed that has said nothing for so long is given up (its heartbeats are 1 s apart). */
export const silenceMs = 30_000;

/** Pings of the channel itself notice a peer whose machine is gone. */
export const channelPingMs = 5000;

/** Heard of so long after another one came under its name, a replica is alive: nothing is so long on its way. */
export const rivalProofMs = 5000;

/** A channel that is still open then has answered pings: a dead one is closed after four of them. */
export const rivalWaitMs = 22_000;

/** More than this queued on a channel: nothing further is read from the log until it has drained. */
export const feedBufferedBytesMax = 1024 * 1024;

/** Less credit than this is not worth a read; a read of this size always holds a record's header. */
export const feedReadBytesMin = 64 * 1024;

/**
 * Between two chunks of a stream, ms, unless the replica has the first one on its disk before: fewer and
 * larger ones, with a write and a sync each on the other side, leave the machine more for commits.
 */
export const feedPauseMs = 4;

export const retryMsMin = 250;
export const retryMsMax = 30_000;

/** Chunks whose stored sizes are remembered to tell the applied lag in bytes. */
export const ledgerEntriesMax = 1024;

/** A master that refused is asked again at most this often while an archive is followed instead. */
export const masterProbeMs = 10_000;

/** A master that answered has said by then whether it can be followed. */
export const yieldMs = handshakeMs + 5000;
if (rivalWaitMs <= 4 * channelPingMs || rivalWaitMs >= handshakeMs) {
  throw new RangeError('a rival is judged when its channel had time to close, within a handshake');
}
