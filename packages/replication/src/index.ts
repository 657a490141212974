// What the server uses of replication.
export type {
  FeedCursor,
  FeedDatabase,
  FeedLog,
  FeedLoss,
  FeedReplica,
  FeedSegment,
  FollowerDatabase,
  JobLogWriter,
} from './contract.js';
export { FeedSeats } from './feed-seats.js';
export type { FeedEnd, FeedOptions, FeedStatus } from './feed-options.js';
export { runFeed } from './feed-runner.js';
export type { FollowerStateName } from './follower-event.js';
export type { ResolveMaster } from './follower-link.js';
export { FollowerRunner, type FollowerRunnerOptions } from './follower-runner.js';
export type { ArchiveSourceStatus, FollowerStatus } from './follower-status.js';
export type { ArchivedChunk, LogArchive, ReplicaEnd } from './log-archive.js';
export type { SourceRule } from './source-event.js';
export { SourcedFollower, type SourcedFollowerOptions } from './sourced-follower.js';
export { judgeRecreate, recreatesMax, recreateWindowMs } from './recreate-limit.js';
export { channelPingMs } from './replication-limits.js';
