// Calls of etcd over its JSON gateway (`/v3/…`, etcd 3.4 and later): what it needs of the network is one HTTP request
// each, so that env's timeouts, bounds and TLS hold for it. Its members are asked in turn until one answers.

import type { Env, HttpResponse } from '@pamina/env';
import { isPaminaError, PaminaError, toPaminaError } from '@pamina/format';
import type { EtcdPlace } from './etcd-address.js';

/** Until the whole answer is there. */
const answerMs = 5000;
const answerBytesMax = 32 * 1024 * 1024;
/** Of a watch: the values in it are not looked at. */
const lineBytesMax = 4 * 1024 * 1024;
/** A watch that says nothing may have no etcd at its other end any more. */
const silenceMs = 30_000;

export type EtcdEnv = Pick<Env, 'clock' | 'network'>;
export type EtcdAnswer = Readonly<Record<string, unknown>>;

export interface EtcdClientOptions {
  readonly env: EtcdEnv;
  readonly place: EtcdPlace;
}

export class EtcdClient {
  readonly #env: EtcdEnv;
  readonly #place: EtcdPlace;
  readonly #underWay = new Set<AbortController>();
  #closed: PaminaError | null = null;
  /** The member that answered last. */
  #at = 0;

  constructor({ env, place }: EtcdClientOptions) {
    this.#env = env;
    this.#place = place;
  }

  describe(): string {
    return `etcd at ${this.#place.endpoints.join(', ')}`;
  }

  /** DIRECTORY_UNREACHABLE: nobody answered, or etcd refused. */
  async call(method: string, body: object): Promise<EtcdAnswer> {
    return this.#atAny(async (endpoint) => {
      const ending = this.#begun();
      const late = new PaminaError('TIMEOUT', `${endpoint} did not answer within ${answerMs} ms`);
      const cancel = this.#env.clock.after(answerMs, () => ending.abort(late));
      try {
        const response = await this.#send(endpoint, method, body, ending.signal);
        const answer = parsed(await response.bytes(answerBytesMax), endpoint);
        if (response.status === 200) return answer;
        throw refused(endpoint, response.status, answer);
      } finally {
        cancel();
        this.#underWay.delete(ending);
      }
    });
  }

  /**
   * Calls `onEvent` once it watches, and at each change of keys that begin with `prefix`; resolves when that has
   * ended, as it does in the end, or is closed. DIRECTORY_UNREACHABLE.
   */
  async watch(prefix: string, onEvent: () => void): Promise<void> {
    const request = { create_request: { key: inBase64(prefix), range_end: endOf(prefix) } };
    await this.#atAny(async (endpoint) => {
      const ending = this.#begun();
      const late = new PaminaError('TIMEOUT', `${endpoint} said nothing for ${silenceMs} ms`);
      const watchdog = (): (() => void) =>
        this.#env.clock.after(silenceMs, () => ending.abort(late));
      let cancel = watchdog();
      let hasBegun = false;
      try {
        const response = await this.#send(endpoint, 'watch', request, ending.signal);
        if (response.status !== 200) {
          const answer = parsed(await response.bytes(answerBytesMax), endpoint);
          throw refused(endpoint, response.status, answer);
        }
        for await (const line of linesOf(response)) {
          cancel();
          cancel = watchdog();
          const { error, result } = line;
          if (isRecord(error)) throw refused(endpoint, 200, error);
          // etcd gave it up: what it says is all that comes.
          if (isRecord(result) && result['canceled'] === true) return;
          hasBegun = true;
          onEvent();
        }
      } catch (error) {
        // What was watched may have changed since: whoever watches begins anew.
        if (!hasBegun) throw error;
      } finally {
        cancel();
        ending.abort(late);
        this.#underWay.delete(ending);
      }
    });
  }

  /** What is under way ends. */
  close(): void {
    this.#closed = new PaminaError('ABORTED', `${this.describe()} is closed`);
    for (const ending of this.#underWay) ending.abort(this.#closed);
  }

  /** Ended by close() at the latest. */
  #begun(): AbortController {
    const ending = new AbortController();
    if (this.#closed !== null) throw this.#closed;
    this.#underWay.add(ending);
    return ending;
  }

  #send(endpoint: string, method: string, body: object, signal: AbortSignal) {
    return this.#env.network.request(`${endpoint}/v3/${method}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new TextEncoder().encode(JSON.stringify(body)),
      timeoutMs: answerMs,
      signal,
    });
  }

  async #atAny<T>(ask: (endpoint: string) => Promise<T>): Promise<T> {
    const { endpoints } = this.#place;
    let last: PaminaError | null = null;
    for (let tried = 0; tried < endpoints.length; tried++) {
      const endpoint = endpoints[(this.#at + tried) % endpoints.length] as string;
      try {
        const result = await ask(endpoint);
        this.#at = (this.#at + tried) % endpoints.length;
        return result;
      } catch (error) {
        if (this.#closed !== null) throw this.#closed;
        last = toPaminaError(error);
      }
    }
    const why = last?.message ?? 'it has no members';
    throw new PaminaError('DIRECTORY_UNREACHABLE', `${this.describe()}: ${why}`, { cause: last });
  }
}

export function inBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

/** The end of the range of keys that begin with `prefix`, which ends with a slash. */
export function endOf(prefix: string): string {
  return inBase64(`${prefix.slice(0, -1)}0`);
}

async function* linesOf(response: HttpResponse): AsyncIterable<EtcdAnswer> {
  let held = Buffer.alloc(0);
  for await (const chunk of response.stream()) {
    held = Buffer.concat([held, chunk]);
    for (let end = held.indexOf(10); end >= 0; end = held.indexOf(10)) {
      const line = held.subarray(0, end);
      held = held.subarray(end + 1);
      if (line.length > 0) yield parsed(line, 'a watch');
    }
    if (held.length > lineBytesMax) {
      throw new PaminaError(
        'RESPONSE_TOO_LARGE',
        `a line of a watch has over ${lineBytesMax} bytes`,
      );
    }
  }
}

function parsed(bytes: Uint8Array, where: string): EtcdAnswer {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (isRecord(value)) return value;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  throw new PaminaError('DIRECTORY_UNREACHABLE', `${where} does not answer as etcd does`);
}

function refused(endpoint: string, status: number, answer: EtcdAnswer): PaminaError {
  const { error, message } = answer;
  const text = [message, error].find((one) => typeof one === 'string') ?? `status ${status}`;
  const said = text.slice(0, 300);
  return new PaminaError('DIRECTORY_UNREACHABLE', `${endpoint} refuses: ${said}`, {
    context: { isLeaseGone: said.includes('lease not found') },
  });
}

/** A lease that was asked for lives no more. */
export function isLeaseGone(error: unknown): boolean {
  if (!isPaminaError(error, 'DIRECTORY_UNREACHABLE')) return false;
  const { cause } = error;
  return isPaminaError(cause) && cause.context['isLeaseGone'] === true;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
