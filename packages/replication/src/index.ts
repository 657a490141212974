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
export { type FeedOptions, type FeedStatus, runFeed } from './feed-runner.js';
export type { FollowerStateName } from './follower-event.js';
export type { ResolveMaster } from './follower-link.js';
export { FollowerRunner, type FollowerRunnerOptions } from './follower-runner.js';
export type { FollowerStatus } from './follower-status.js';
export { judgeRecreate, recreatesMax, recreateWindowMs } from './recreate-limit.js';
export { channelPingMs } from './replication-limits.js';
