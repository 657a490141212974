// One seat for each replica of a database: a copied folder is the same instance twice, and two that
// follow as one replica would move its slot back and forth (P10). The first one keeps its seat; a
// connection that its own process has given up makes way at once, a dead one when the channel notices.

import type { Clock } from '@pamina/env';
import type { HelloMessage } from '@pamina/wire';
import type { Refusal } from './feed-event.js';
import { heartbeatMs, rivalProofMs, rivalWaitMs } from './replication-limits.js';

/** Who holds a seat, or wants one. */
export interface Sitter {
  readonly replica: string;
  readonly instance: string;
  /** Of one run of a follower; null of an older version, which does not say it. */
  readonly run: string | null;
  /** When something of it was heard last, on the monotonic clock of this side. */
  readonly heardMs: number;
  /** Ends its feed; it leaves later. */
  end(): void;
}

/**
 * free: they are no rivals. take-over: the same run comes again, so its connection before is dead. wait: it
 * cannot be told yet whether that is alive. clone: it is.
 */
export type RivalVerdict = 'free' | 'take-over' | 'wait' | 'clone';

/** `waitedMs` is how long the newcomer has waited while the other one's channel stayed open. */
export function judgeRival(
  newcomer: Pick<Sitter, 'instance' | 'replica' | 'run'>,
  rival: Omit<Sitter, 'end'>,
  wait: { readonly arrivedMs: number; readonly waitedMs: number },
): RivalVerdict {
  if (newcomer.instance !== rival.instance && newcomer.replica !== rival.replica) return 'free';
  if (newcomer.run !== null && newcomer.run === rival.run) return 'take-over';
  if (rival.heardMs >= wait.arrivedMs + rivalProofMs) return 'clone';
  return wait.waitedMs >= rivalWaitMs ? 'clone' : 'wait';
}

export class FeedSeats {
  readonly #clock: Clock;
  readonly #sitting = new Set<Sitter>();
  /** Those that wait for a seat, each with what wakes it. */
  readonly #waiting = new Map<Sitter, () => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Null when the seat is taken, or the newcomer has left meanwhile; REPLICA_CLONED. */
  async take(newcomer: Sitter): Promise<Refusal | null> {
    const arrivedMs = this.#clock.monotonic();
    // Counted in steps: a process that stood still has not listened to the other one either.
    for (let waitedMs = 0; ; waitedMs += heartbeatMs) {
      const rivals = [...this.#sitting].map((sitter) => ({
        sitter,
        verdict: judgeRival(newcomer, sitter, { arrivedMs, waitedMs }),
      }));
      const clone = rivals.find(({ verdict }) => verdict === 'clone');
      if (clone !== undefined) return refusalFor(newcomer, clone.sitter);
      for (const { sitter, verdict } of rivals) {
        if (verdict !== 'take-over') continue;
        this.#sitting.delete(sitter);
        sitter.end();
      }
      if (!rivals.some(({ verdict }) => verdict === 'wait')) break;
      if (!(await this.#wait(newcomer))) return null;
    }
    this.#sitting.add(newcomer);
    return null;
  }

  /** Whoever waits looks again. Also of one that waits itself. */
  leave(sitter: Sitter): void {
    this.#sitting.delete(sitter);
    const wake = this.#waiting.get(sitter);
    this.#waiting.delete(sitter);
    wake?.();
    for (const wakeOther of this.#waiting.values()) wakeOther();
  }

  /** False if it has left. */
  #wait(newcomer: Sitter): Promise<boolean> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        resolve(this.#waiting.delete(newcomer));
      };
      const cancel = this.#clock.after(heartbeatMs, wake);
      this.#waiting.set(newcomer, wake);
    });
  }
}

function refusalFor({ instance, replica }: Sitter, rival: Sitter): Refusal {
  const message =
    instance === rival.instance
      ? `${rival.replica} is connected already as the same instance (${instance}): one of the two folders is a copy of the other`
      : `another database named ${replica} is connected already (instance ${rival.instance})`;
  const context = { replica: rival.replica, instance: rival.instance };
  return { code: 'REPLICA_CLONED', message, context };
}

/** The place of one connection among the seats, from its hello to its end. */
export class FeedSeat implements Sitter {
  replica = '';
  instance = '';
  run: string | null = null;
  heardMs: number;
  readonly end: () => void;
  readonly #seats: FeedSeats | null;
  readonly #clock: Clock;
  #hasLeft = false;

  /** Without seats everybody sits. */
  constructor(seats: FeedSeats | null, clock: Clock, end: () => void) {
    this.#seats = seats;
    this.#clock = clock;
    this.heardMs = clock.monotonic();
    this.end = end;
  }

  heard(): void {
    this.heardMs = this.#clock.monotonic();
  }

  async take(hello: Pick<HelloMessage, 'instance' | 'replica' | 'run'>): Promise<Refusal | null> {
    this.replica = hello.replica;
    this.instance = hello.instance;
    this.run = hello.run ?? null;
    // Its channel was closed before it came to this: nobody would ever free the seat.
    if (this.#hasLeft) return null;
    return (await this.#seats?.take(this)) ?? null;
  }

  leave(): void {
    this.#hasLeft = true;
    this.#seats?.leave(this);
  }
}
