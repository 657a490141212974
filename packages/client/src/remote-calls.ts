// How every call of a remote administration is made: to one address, with one token, until it is closed.

import type { Env } from '@pamina/env';
import { PaminaError } from '@pamina/format';
import {
  type DatabaseStatus,
  doneAnswer,
  HttpCaller,
  type Progress,
  statusAnswer,
} from '@pamina/wire';

export interface RemoteAdministrationOptions {
  readonly env: Env;
  /** `http://host:port` */
  readonly address: string;
  readonly token?: string | undefined;
  /** Until an answer begins; 30 s if not given. */
  readonly timeoutMs?: number | undefined;
}

export class RemoteCalls {
  readonly address: string;
  readonly caller: HttpCaller;
  readonly #closing = new AbortController();

  constructor(options: RemoteAdministrationOptions) {
    const { address, env, timeoutMs, token } = options;
    const { clock, network } = env;
    this.caller = new HttpCaller({ address, clock, network, timeoutMs, token });
    this.address = this.caller.address;
  }

  /** Ends the calls under way; the server and its databases go on. */
  close(): Promise<void> {
    this.#closing.abort(new PaminaError('ABORTED', 'the administration was closed'));
    return Promise.resolve();
  }

  verb(target: string, body: unknown = {}, progress?: Progress): Promise<DatabaseStatus> {
    return this.caller.task(
      { method: 'POST', path: target, body, signal: this.signal() },
      statusAnswer,
      progress,
    );
  }

  /** A verb that takes time. */
  task<T extends Parameters<HttpCaller['task']>[1]>(
    target: string,
    body: object,
    answer: T,
    progress?: Progress,
    signal?: AbortSignal,
  ) {
    const call = { method: 'POST', path: target, body, signal: this.signal(signal) } as const;
    return this.caller.task(call, answer, progress);
  }

  send<T extends Parameters<HttpCaller['call']>[1]>(target: string, body: unknown, answer: T) {
    const call = { method: 'POST', path: target, body, signal: this.signal() } as const;
    return this.caller.call(call, answer);
  }

  ask<T extends Parameters<HttpCaller['call']>[1]>(
    target: string,
    answer: T,
    query?: Readonly<Record<string, string | undefined>>,
  ) {
    const call = { method: 'GET', path: target, query, signal: this.signal() } as const;
    return this.caller.call(call, answer);
  }

  /** What has no answer but that it is done. */
  async done(method: 'DELETE' | 'POST' | 'PUT', target: string, body?: unknown): Promise<void> {
    const call = { method, path: target, body, signal: this.signal() } as const;
    await this.caller.call(call, doneAnswer);
  }

  signal(signal?: AbortSignal): AbortSignal {
    const closing = this.#closing.signal;
    return signal === undefined ? closing : AbortSignal.any([closing, signal]);
  }
}
