// The calls that change who the master is.

import {
  type DatabaseStatus,
  failoverAnswer,
  type FailoverOptions,
  type FailoverReport,
  path,
  type Progress,
  rejoinAnswer,
  type RejoinOptions,
  type RejoinReport,
} from '@pamina/wire';
import { RemoteCalls } from './remote-calls.js';

export abstract class RemoteFailover extends RemoteCalls {
  failover(
    master: string,
    options: FailoverOptions = {},
    progress?: Progress,
  ): Promise<FailoverReport> {
    const target = path`/databases/${master}/failover`;
    return this.caller.task(
      { method: 'POST', path: target, body: options, signal: this.signal() },
      failoverAnswer,
      progress,
    );
  }

  rejoin(name: string, options: RejoinOptions = {}, progress?: Progress): Promise<RejoinReport> {
    const target = path`/databases/${name}/rejoin`;
    return this.caller.task(
      { method: 'POST', path: target, body: options, signal: this.signal() },
      rejoinAnswer,
      progress,
    );
  }

  unfence(name: string): Promise<DatabaseStatus> {
    return this.verb(path`/databases/${name}/unfence`);
  }
}
