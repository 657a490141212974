// The follower's one connection to its master: finding the address, opening the channel, frames in
// both directions. What comes from a channel that was given up is never handed on.

import type { Channel, Env } from '@pamina/env';
import { segmentFormatVersion, toPaminaError, wireMessageBytesMax } from '@pamina/format';
import {
  channelProtocol,
  decodeFeedMessage,
  decodeSegmentBytes,
  encodeChannelMessage,
  type FeedMessage,
  type FollowerMessage,
  type HelloMessage,
  isBytesFrame,
  type SegmentBytes,
} from '@pamina/wire';
import type { Problem } from './follower-event.js';
import { channelPingMs } from './replication-limits.js';

/**
 * `address` is that of a server (`http://host:port`) or of the feed itself (`ws://…`); `headers`
 * carry the credential.
 */
export type ResolveMaster = (name: string) => Promise<{
  readonly address: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
} | null>;

export interface LinkListener {
  /** Resolves when a new connection may begin. */
  readonly ready: () => Promise<void>;
  /** The channel is open: resolves when the end of the own log may be said on it. */
  readonly reached: () => Promise<void>;
  readonly onOpen: () => void;
  readonly onOpenFailed: (problem: Problem) => void;
  readonly onMessage: (message: FeedMessage) => void;
  readonly onBytes: (chunk: SegmentBytes) => void;
  /** A frame could not be read or used. */
  readonly onInvalid: (error: unknown) => void;
  readonly onClosed: (message: string) => void;
}

/** Where a server offers the feed of a database. */
function feedUrl(address: string, name: string): string {
  if (/^wss?:/i.test(address)) return address;
  const base = address.replace(/^http/i, 'ws').replace(/\/+$/, '');
  return `${base}/v1/databases/${encodeURIComponent(name)}/feed`;
}

export class FollowerLink {
  readonly #env: Env;
  readonly #resolve: ResolveMaster;
  readonly #listener: LinkListener;
  /** Of the attempt or connection that counts; null when there is none. */
  #current: AbortController | null = null;
  #channel: Channel | null = null;
  readonly #running = new Set<Promise<void>>();
  #address: string | null = null;

  constructor(env: Env, resolve: ResolveMaster, listener: LinkListener) {
    this.#env = env;
    this.#resolve = resolve;
    this.#listener = listener;
  }

  /** Where the master was found last. */
  get address(): string | null {
    return this.#address;
  }

  /** Answers later with onOpen or onOpenFailed, unless it was closed before. */
  open(masterName: string): void {
    this.#current?.abort();
    const current = new AbortController();
    this.#current = current;
    const opening = this.#open(masterName, current).catch((error: unknown) => {
      if (this.#current !== current) return;
      this.#current = null;
      this.#listener.onOpenFailed(problemOfConnect(error));
    });
    this.#track(opening);
  }

  /** Nothing more is heard of the present attempt or channel. */
  close(goodbye: boolean): void {
    const channel = this.#channel;
    if (goodbye && channel !== null) this.send({ type: 'goodbye' });
    this.#channel = null;
    this.#current?.abort();
    this.#current = null;
    channel?.close(1000, '');
  }

  send(message: FollowerMessage): void {
    this.#channel?.send(encodeChannelMessage(message));
  }

  greet(hello: Omit<HelloMessage, 'type' | 'protocol' | 'formatVersion'>): void {
    const version = { protocol: channelProtocol, formatVersion: segmentFormatVersion };
    this.send({ type: 'hello', ...version, ...hello });
  }

  /** Hands on nothing more until `work` is done; then calls `next`, unless the channel is gone. */
  pauseFor(work: () => Promise<void>, next: (error: unknown) => void): void {
    const channel = this.#channel;
    if (channel === null) return;
    channel.pause();
    const finish = (error: unknown): void => {
      // First the answer, then what came behind it.
      if (this.#channel === channel) next(error);
      channel.resume();
    };
    this.#track(work().then(() => finish(null), finish));
  }

  /** Resolves when nothing is under way any more. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #track(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #open(masterName: string, current: AbortController): Promise<void> {
    const { signal } = current;
    await this.#listener.ready();
    const target = signal.aborted ? null : await this.#resolve(masterName);
    if (signal.aborted) return;
    if (target === null) {
      const message = `nobody knows where ${masterName} is at present`;
      this.#current = null;
      this.#listener.onOpenFailed({ code: 'NAME_NOT_FOUND', message, retryable: true });
      return;
    }
    this.#address = target.address;
    const channel = await this.#env.network.connect(feedUrl(target.address, masterName), {
      headers: target.headers,
      signal,
      messageBytesMax: wireMessageBytesMax,
      heartbeatMs: channelPingMs,
    });
    if (signal.aborted) {
      channel.close(1000, '');
      return;
    }
    this.#channel = channel;
    channel.onClose(({ code, message }) => {
      if (this.#channel !== channel) return;
      this.#channel = null;
      this.#current = null;
      this.#listener.onClosed(message === '' ? `the connection was lost (${code})` : message);
    });
    channel.onMessage((frame) => {
      if (this.#channel === channel) this.#read(frame);
    });
    await this.#listener.reached();
    if (this.#channel === channel) this.#listener.onOpen();
  }

  #read(frame: Uint8Array): void {
    try {
      if (isBytesFrame(frame)) this.#listener.onBytes(decodeSegmentBytes(frame));
      else this.#listener.onMessage(decodeFeedMessage(frame));
    } catch (error) {
      // Whatever a master sends, it ends the connection and never the process.
      this.#listener.onInvalid(error);
    }
  }
}

/** A server that wants another credential says so by its HTTP status. */
function problemOfConnect(error: unknown): Problem {
  const { code, message, retryable, context } = toPaminaError(error);
  if (context['status'] === 401) return { code: 'UNAUTHORIZED', message, retryable: false };
  if (context['status'] === 403) return { code: 'FORBIDDEN', message, retryable: false };
  return { code, message, retryable };
}
