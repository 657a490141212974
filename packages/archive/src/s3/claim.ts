// Writing once on a server that ignores conditions. Each writer puts a claim beside the name and writes
// only if a list that it asks for after that shows no claim but its own: of two that race, the one that
// looks later sees both, so nothing is overwritten. The lowest claim waits for the others, which withdraw.
// It relies on lists that show what was written before. A claim is named by the content: writers of the
// same bytes may both write.
import { createHash } from 'node:crypto';
import type { ArchiveCall, PutOutcome } from '../archive.js';
import { withRetry, type Retrying } from './retry.js';
import { PaminaError } from '@pamina/format';

export interface ClaimStore {
  exists(name: string): Promise<boolean>;
  /** `same`, or ARCHIVE_CONFLICT. */
  compare(name: string, bytes: Uint8Array): Promise<PutOutcome>;
  put(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  claims(prefix: string): Promise<readonly { readonly name: string; readonly ageMs: number }[]>;
}

/** A writer that was killed leaves its claim; no upload takes so long. */
const claimMsMax = 15 * 60 * 1000;
const claimAttemptsMax = 10;

export async function putUnderClaim(
  store: ClaimStore,
  retrying: Retrying,
  object: {
    readonly name: string;
    readonly bytes: Uint8Array;
    readonly call: ArchiveCall | undefined;
  },
): Promise<PutOutcome> {
  const { bytes, call, name } = object;
  if (await store.exists(name)) return store.compare(name, bytes);
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 32);
  const claim = `${name}.claim-${digest}`;
  const patient = { ...retrying, policy: { ...retrying.policy, attemptsMax: claimAttemptsMax } };
  let isClaimed = false;
  const withdraw = async (): Promise<void> => {
    if (isClaimed) await store.remove(claim);
    isClaimed = false;
  };
  try {
    return await withRetry(patient, call?.signal, async () => {
      if (!isClaimed) await store.put(claim, new Uint8Array(0));
      isClaimed = true;
      const claims = await store.claims(`${name}.claim-`);
      const others = claims.filter((other) => other.name !== claim && other.ageMs < claimMsMax);
      if (others.length > 0) {
        if (others.some((other) => other.name < claim)) await withdraw();
        const message = `${name} is being written by somebody else at this moment`;
        throw new PaminaError('ARCHIVE_UNAVAILABLE', message, { context: { object: name } });
      }
      // Written since the first look, by one whose claim is gone again.
      if (await store.exists(name)) return store.compare(name, bytes);
      await store.put(name, bytes);
      return 'written';
    });
  } finally {
    await withdraw();
  }
}
