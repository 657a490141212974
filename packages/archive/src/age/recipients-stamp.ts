// What an object says in the clear about whom it is encrypted for: age itself hides that. A stanza of a type that
// every other reader of age files passes over names the set of recipients, and each of them by its first
// letters: enough to find the right key by, and not enough to encrypt for it.
import { createHash } from 'node:crypto';
import { Stanza, type Recipient } from 'age-encryption';

const stanzaType = 'pamina-recipients';
const idLength = 16;
const shownLength = 16;

export interface RecipientsStamp {
  /** Of the set, in whatever order it is given: 16 lowercase hex digits. */
  readonly id: string;
  /** The first 16 letters of each. */
  readonly shown: readonly string[];
}

export function stampOf(recipients: readonly string[]): RecipientsStamp {
  const sorted = [...new Set(recipients)].toSorted();
  const hash = createHash('sha256').update(sorted.join('\n')).digest('hex');
  return { id: hash.slice(0, idLength), shown: sorted.map((one) => one.slice(0, shownLength)) };
}

/** Adds the stamp to each file, as if it were one recipient more. */
export function stamping({ id, shown }: RecipientsStamp): Recipient {
  return { wrapFileKey: () => [new Stanza([stanzaType, id, ...shown], new Uint8Array())] };
}

/** null where the header has none: another program, or an earlier version, wrote the file. */
export function readStamp(header: Uint8Array): RecipientsStamp | null {
  const text = new TextDecoder('latin1').decode(header);
  const found = /^-> pamina-recipients ([0-9a-f]{16})((?: age1[0-9a-z]{1,12}){1,32})$/m.exec(text);
  if (found === null) return null;
  return { id: String(found[1]), shown: String(found[2]).trim().split(' ') };
}
