// The keys of an encrypted archive: recipients stand in the configuration, identities in a file that only
// who restores, or compares what is there already, has to have.
import { PaminaError } from '@pamina/format';
import type { Disk } from '@pamina/env';
import { Decrypter, Encrypter } from 'age-encryption';
import { stamping, stampOf } from './recipients-stamp.js';

const identityFileBytesMax = 64 * 1024;
const recipientsMax = 32;
const recipientLengthMax = 4096;

/** ARCHIVE_KEY_INVALID. */
export function encrypterFor(recipients: readonly string[]): Encrypter {
  if (recipients.length === 0 || recipients.length > recipientsMax) {
    throw invalid(`an encrypted archive has 1 to ${recipientsMax} recipients`);
  }
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    // The text is not repeated: somebody may have given the identity where the recipient belongs.
    if (recipient.length > recipientLengthMax || !recipient.startsWith('age1')) {
      throw invalid('a recipient does not begin with "age1"');
    }
    try {
      encrypter.addRecipient(recipient);
    } catch {
      throw invalid('a recipient is not a public key of age');
    }
  }
  encrypter.addRecipient(stamping(stampOf(recipients)));
  return encrypter;
}

/** The identities in a file as `age-keygen` writes it. ARCHIVE_KEY_INVALID, with the path alone. */
export async function decrypterFrom(disk: Disk, path: string): Promise<Decrypter> {
  const decrypter = new Decrypter();
  let count = 0;
  for (const line of (await readText(disk, path)).split('\n')) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    try {
      decrypter.addIdentity(text);
    } catch {
      throw invalid(`${path} has a line that is not an identity of age`, path);
    }
    count++;
  }
  if (count === 0) throw invalid(`${path} has no identity of age`, path);
  return decrypter;
}

async function readText(disk: Disk, path: string): Promise<string> {
  const status = await disk.stat(path);
  if (status === null || status.isFolder || status.bytes > identityFileBytesMax) {
    throw invalid(`${path} is not a file with identities of age`, path);
  }
  return new TextDecoder().decode(await disk.readFile(path));
}

function invalid(what: string, path?: string): PaminaError {
  return new PaminaError('ARCHIVE_KEY_INVALID', what, {
    context: path === undefined ? {} : { path },
  });
}
