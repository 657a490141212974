// Bounds of the HTTP administration, stated once for both of its sides.

/** Prefix of every path. A change that old clients cannot read gets a new one. */
export const apiPrefix = '/v1';

/** A request body that carries no values: names, options. */
export const requestBytesMax = 64 * 1024;

/**
 * A request body, or one line of a stream, that carries keys and values. A value may have 32 MiB
 * (limits of the format); JSON text doubles what has to be escaped.
 */
export const valueBodyBytesMax = 72 * 1024 * 1024;

/** An answer that is read whole: a status, a list. */
export const answerBytesMax = 72 * 1024 * 1024;

/** A stream with nothing to say sends an empty line this often, so that silence means a dead peer. */
export const streamHeartbeatMs = 10_000;
export const streamSilenceMsMax = 6 * streamHeartbeatMs;

/**
 * How long a request waits at most for replicas to confirm its commit, or for a position: a caller gives up
 * after 30 s, and would not know then that the commit is there.
 */
export const answerWaitMsMax = 20_000;

/** Longest text of a setting's value, in characters. */
export const settingLengthMax = 2048;

/** Longest source of a restore: a path or a URL, in characters. */
export const sourceLengthMax = 4096;

/** Operations in one batch request. */
export const batchOperationsMax = 100_000;

/** Lines of a job log, and records of a log, in one answer. */
export const jobLogLinesMax = 100_000;
