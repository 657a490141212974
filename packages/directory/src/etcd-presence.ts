// Says in etcd that this process lives, for as long as it does: a key beside each entry that it made, bound to a
// lease. Whoever watches is told when it is gone, and when it is back. The entries themselves stay, since a name
// whose holder crashed is still that holder's until it is taken over (P11).

import { type EtcdClient, type EtcdEnv, inBase64, isLeaseGone, isRecord } from './etcd-client.js';

const leaseSeconds = 15;
const renewMs = (leaseSeconds * 1000) / 3;

export interface EtcdPresenceOptions {
  readonly client: EtcdClient;
  readonly clock: EtcdEnv['clock'];
  /** Why it does not stand there at this moment. */
  readonly onProblem: (error: unknown) => void;
}

export class EtcdPresence {
  readonly #client: EtcdClient;
  readonly #clock: EtcdEnv['clock'];
  readonly #onProblem: (error: unknown) => void;
  readonly #keys = new Set<string>();
  /** Those that stand under the lease. */
  readonly #told = new Set<string>();
  #lease: string | null = null;
  #turn: Promise<void> | null = null;
  #cancelRenewal: (() => void) | null = null;
  #isClosed = false;

  constructor({ client, clock, onProblem }: EtcdPresenceOptions) {
    this.#client = client;
    this.#clock = clock;
    this.#onProblem = onProblem;
  }

  /** Resolves when it stands there, or has to be tried again, which it is. */
  async add(key: string): Promise<void> {
    if (this.#isClosed) return;
    this.#keys.add(key);
    await this.#renew();
  }

  /** What stands there is the caller's to remove. */
  forget(key: string): void {
    this.#keys.delete(key);
    this.#told.delete(key);
  }

  /** All that it said is gone. Rejects where etcd does not hear it: then the lease runs out by itself. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRenewal?.();
    await this.#turn;
    const lease = this.#lease;
    this.#lease = null;
    if (lease !== null) await this.#client.call('lease/revoke', { ID: lease });
  }

  async #renew(): Promise<void> {
    // What was added while a turn went on needs one of its own.
    await this.#turn;
    if (this.#isClosed) return;
    this.#cancelRenewal?.();
    this.#turn ??= this.#renewed().finally(() => {
      this.#turn = null;
      if (this.#isClosed) return;
      this.#cancelRenewal?.();
      this.#cancelRenewal = this.#clock.after(renewMs, () => void this.#renew());
    });
    await this.#turn;
  }

  async #renewed(): Promise<void> {
    try {
      if (this.#keys.size === 0) return;
      if (!(await this.#isKept())) {
        this.#told.clear();
        const { ID } = await this.#client.call('lease/grant', { TTL: String(leaseSeconds) });
        this.#lease = typeof ID === 'string' ? ID : null;
      }
      for (const key of this.#keys) await this.#tell(key);
    } catch (error) {
      // The next turn tries again, with a new lease if this one ran out meanwhile.
      if (isLeaseGone(error)) this.#lease = null;
      else this.#onProblem(error);
    }
  }

  async #isKept(): Promise<boolean> {
    if (this.#lease === null) return false;
    const { result } = await this.#client.call('lease/keepalive', { ID: this.#lease });
    return isRecord(result) && Number(result['TTL'] ?? 0) > 0;
  }

  async #tell(key: string): Promise<void> {
    if (this.#told.has(key) || this.#lease === null) return;
    await this.#client.call('kv/put', { key: inBase64(key), value: '', lease: this.#lease });
    // It may have been withdrawn meanwhile, and is not to come back.
    if (this.#keys.has(key)) this.#told.add(key);
    else await this.#client.call('kv/deleterange', { key: inBase64(key) });
  }
}
