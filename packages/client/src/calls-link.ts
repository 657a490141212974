// One connection to one database, from its welcome to its end. Calls go out in the order in which they were made,
// those of one turn in one message; answers come as they are ready.

import type { Channel, Clock, Network } from '@pamina/env';
import {
  backlogBytesMax,
  isPaminaError,
  packBytes,
  PaminaError,
  toPaminaError,
  wireMessageBytesMax,
} from '@pamina/format';
import {
  type AnswersPlace,
  answerStatus,
  apiPrefix,
  type CallOptions,
  callsProtocol,
  type CallsWelcome,
  type CallVerb,
  callVerb,
  decodeCallsControl,
  encodeCallsControl,
  FrameReader,
  FrameWriter,
  isCallsControl,
  partsBudget,
  path,
  readPlace,
  requireFits,
  type WireItem,
} from '@pamina/wire';

/** As often as the server looks, too. */
const pingMs = 5000;
const decoder = new TextDecoder();

export interface LinkParts {
  readonly network: Pick<Network, 'connect'>;
  readonly clock: Clock;
  /** `http://host:port` of the server. */
  readonly address: string;
  readonly database: string;
  readonly token: string | undefined;
  /** Until it is welcome. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Before the answers that a message shows are handed on. */
  onPlace(place: AnswersPlace): void;
}

/** The connection ended before there was an answer. `isSent`: the server may have done what was asked. */
export class LinkEnded extends Error {
  readonly isSent: boolean;

  constructor(why: PaminaError, isSent: boolean) {
    super(why.message, { cause: why });
    this.isSent = isSent;
  }
}

interface Waiting {
  readonly answered: (item: WireItem) => void;
  readonly failed: (error: unknown) => void;
  /** Its answer shows data: what comes after it must not be older. */
  readonly shows: boolean;
  isSent: boolean;
}

const showsNothing: ReadonlySet<CallVerb> = new Set<CallVerb>([
  callVerb.look,
  callVerb.renew,
  callVerb.replicas,
]);

/** Small, no more of them than things that are open, and the server has more room for each: always sent. */
const endsSomething: ReadonlySet<CallVerb> = new Set<CallVerb>([callVerb.close, callVerb.rollback]);

export class CallsLink {
  readonly welcome: CallsWelcome;
  readonly address: string;
  /** Resolves with why it ended. */
  readonly ended: Promise<PaminaError>;
  /** What every read from here on sees at least. */
  timeline: number;
  seq: number;
  readonly #channel: Channel;
  readonly #clock: Clock;
  readonly #onPlace: (place: AnswersPlace) => void;
  readonly #writer = new FrameWriter('calls');
  readonly #reader = new FrameReader('answers', partsBudget());
  readonly #waiting = new Map<number, Waiting>();
  #unsent: Waiting[] = [];
  #lastNumber = 0;
  #isScheduled = false;
  #why: PaminaError | null = null;
  #tellEnded!: (why: PaminaError) => void;
  #onQuiet: (() => void) | null = null;

  private constructor(channel: Channel, welcome: CallsWelcome, parts: LinkParts) {
    this.#channel = channel;
    this.#clock = parts.clock;
    this.#onPlace = (place) => parts.onPlace(place);
    this.welcome = welcome;
    this.address = parts.address;
    this.timeline = welcome.position.timeline;
    this.seq = welcome.position.seq;
    this.ended = new Promise((resolve) => (this.#tellEnded = resolve));
  }

  /** CONNECT_FAILED, and what the server refuses with: UNAUTHORIZED, DATABASE_OFFLINE, DATABASE_NOT_FOUND… */
  static async open(parts: LinkParts): Promise<CallsLink> {
    const { address, clock, database, network, signal, timeoutMs, token } = parts;
    const url = `${address.replace(/^http/, 'ws')}${apiPrefix}${path`/databases/${database}/calls`}`;
    let channel: Channel;
    try {
      channel = await network.connect(url, {
        messageBytesMax: wireMessageBytesMax,
        heartbeatMs: pingMs,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        signal,
        timeoutMs,
      });
    } catch (error) {
      throw refusalIn(error);
    }
    return new Promise((resolve, reject) => {
      let link: CallsLink | null = null;
      const late = `${address} did not welcome this client within ${timeoutMs} ms`;
      const cancel = clock.after(timeoutMs, () => fail(new PaminaError('CONNECT_FAILED', late)));
      function fail(error: PaminaError): void {
        cancel();
        signal.removeEventListener('abort', abort);
        channel.close(1000, '');
        reject(error);
      }
      const abort = (): void => fail(toPaminaError(signal.reason));
      if (signal.aborted) {
        abort();
        return;
      }
      signal.addEventListener('abort', abort, { once: true });
      channel.onClose(({ code, message }) => {
        const why = new PaminaError('CONNECT_FAILED', `${address} ended it (${code} ${message})`);
        if (link === null) fail(why);
        else link.#end(why);
      });
      channel.onMessage((message) => {
        if (link !== null) {
          link.#receive(message);
          return;
        }
        try {
          const said = decodeCallsControl(message);
          if (said.type === 'refuse') throw PaminaError.fromJSON(said);
          cancel();
          signal.removeEventListener('abort', abort);
          link = new CallsLink(channel, said, parts);
          resolve(link);
        } catch (error) {
          fail(toPaminaError(error));
        }
      });
      channel.send(encodeCallsControl({ type: 'hello', protocol: callsProtocol }));
    });
  }

  get isOpen(): boolean {
    return this.#why === null;
  }

  /** Of an iterator, a snapshot or a transaction of this connection. */
  newNumber(): number {
    do this.#lastNumber = (this.#lastNumber + 1) >>> 0;
    while (this.#lastNumber === 0 || this.#waiting.has(this.#lastNumber));
    return this.#lastNumber;
  }

  /** LinkEnded, BACKLOG_FULL, COMMIT_TOO_LARGE, and what the server answers. */
  call<T>(
    verb: CallVerb,
    write: (writer: FrameWriter) => void,
    read: (item: WireItem) => T,
    options: CallOptions | null = null,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#why !== null) throw new LinkEnded(this.#why, false);
      const number = this.newNumber();
      this.#write(number, verb, write, options);
      const waiting: Waiting = {
        answered: (item) => resolve(read(item)),
        failed: reject,
        shows: !showsNothing.has(verb),
        isSent: false,
      };
      this.#waiting.set(number, waiting);
      this.#unsent.push(waiting);
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      this.#clock.soon(() => this.#flush());
    });
  }

  /** One way and back, in ms. */
  async look(): Promise<number> {
    const before = this.#clock.monotonic();
    await this.call(
      callVerb.look,
      () => undefined,
      () => undefined,
    );
    return this.#clock.monotonic() - before;
  }

  /** Resolves when nothing is under way, or it has ended. */
  quiet(): Promise<void> {
    if (this.#waiting.size === 0 || this.#why !== null) return Promise.resolve();
    const before = this.#onQuiet;
    return new Promise((resolve) => {
      this.#onQuiet = () => {
        before?.();
        resolve();
      };
    });
  }

  close(why: PaminaError): void {
    this.#end(why);
    this.#channel.close(1000, '');
  }

  #write(
    number: number,
    verb: CallVerb,
    write: (writer: FrameWriter) => void,
    options: CallOptions | null,
  ): void {
    const writer = this.#writer;
    const bytes = writer.bytes + this.#channel.bufferedBytes;
    if (bytes > backlogBytesMax && !endsSomething.has(verb)) {
      throw new PaminaError('BACKLOG_FULL', `${bytes} bytes of calls are not sent yet`);
    }
    writer.begin(number, verb, options === null ? null : packBytes(options));
    try {
      write(writer);
    } catch (error) {
      writer.drop();
      throw error;
    }
    requireFits(writer.end(), 'a call');
  }

  #flush(): void {
    this.#isScheduled = false;
    if (this.#why !== null) return;
    for (const message of this.#writer.take()) this.#channel.send(message);
    for (const waiting of this.#unsent) waiting.isSent = true;
    this.#unsent = [];
  }

  #receive(message: Uint8Array): void {
    if (this.#why !== null) return;
    try {
      if (isCallsControl(message)) {
        const said = decodeCallsControl(message);
        if (said.type === 'refuse') throw PaminaError.fromJSON(said);
        return;
      }
      const place = readPlace(message);
      const items = this.#reader.read(message);
      this.timeline = place.timeline;
      this.seq = place.atLeast;
      if (items.some(({ number }) => this.#waiting.get(number)?.shows)) this.#onPlace(place);
      for (const item of items) this.#answer(item);
    } catch (error) {
      this.close(toPaminaError(error));
    }
    if (this.#waiting.size === 0) this.#tellQuiet();
  }

  #answer(item: WireItem): void {
    const waiting = this.#waiting.get(item.number);
    if (waiting === undefined) {
      throw new PaminaError('MESSAGE_INVALID', `nobody asked for answer ${item.number}`);
    }
    this.#waiting.delete(item.number);
    if (item.code === answerStatus.failed) {
      waiting.failed(PaminaError.fromJSON(parsed(item.body)));
      return;
    }
    try {
      waiting.answered(item);
    } catch (error) {
      waiting.failed(error);
      throw error;
    }
  }

  #end(why: PaminaError): void {
    if (this.#why !== null) return;
    this.#why = why;
    this.#reader.close();
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { failed, isSent } of all) failed(new LinkEnded(why, isSent));
    this.#tellQuiet();
    this.#tellEnded(why);
  }

  #tellQuiet(): void {
    const told = this.#onQuiet;
    this.#onQuiet = null;
    told?.();
  }
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(body));
  } catch (cause) {
    throw new PaminaError('MESSAGE_INVALID', 'an error of the server cannot be read', { cause });
  }
}

/** What the server says in its refusal of the handshake. */
function refusalIn(error: unknown): unknown {
  if (!isPaminaError(error, 'CONNECT_FAILED')) return error;
  const { body } = error.context;
  if (typeof body !== 'string' || !body.startsWith('{')) return error;
  const answer = parsed(new TextEncoder().encode(body));
  return typeof answer === 'object' && answer !== null && 'error' in answer
    ? PaminaError.fromJSON(answer.error)
    : error;
}
