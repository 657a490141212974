// Names of databases and tags of backups come from users and peers and end up in file names,
// addresses and messages, so the alphabet is narrow.
import { nameLengthMax, tagLengthMax } from './limits.js';
import { PaminaError } from './pamina-error.js';

/** What a name may be made of; decoders check this much, so that later reservations keep old files
 * readable (P15). */
export const namePattern = /^[a-z0-9][a-z0-9._-]*$/i;
export const tagPattern = /^[a-z0-9][a-z0-9._:+ -]*$/i;

// A database is a folder in the data folder; these endings belong to Pamina's own files there.
const reservedEndings = ['.json', '.tmp', '.lock', '.partial'];

/** Gives the name back unchanged. Throws NAME_INVALID with the reason. */
export function validateName(text: unknown): string {
  const problem = nameProblem(text);
  if (problem !== null) {
    throw new PaminaError('NAME_INVALID', `${quote(text)} is not a name: ${problem}`);
  }
  return text as string;
}

/** Gives the tag back unchanged. Throws TAG_INVALID. */
export function validateTag(text: unknown): string {
  if (typeof text !== 'string' || text.length > tagLengthMax || !tagPattern.test(text)) {
    throw new PaminaError('TAG_INVALID', `${quote(text)} is not a tag`);
  }
  return text;
}

function nameProblem(text: unknown): string | null {
  if (typeof text !== 'string' || text.length === 0) return 'it is empty';
  if (text.length > nameLengthMax) return `it is longer than ${nameLengthMax} characters`;
  if (!namePattern.test(text)) return 'only letters, digits, ".", "_" and "-" are allowed';
  if (text.includes('..')) return 'it contains ".."';
  if (text.endsWith('.')) return 'it ends with a dot';
  const lower = text.toLowerCase();
  const reserved = reservedEndings.find((ending) => lower.endsWith(ending));
  return reserved === undefined ? null : `names that end with ${reserved} are reserved`;
}

function quote(text: unknown): string {
  return typeof text === 'string'
    ? JSON.stringify(text.slice(0, nameLengthMax + 16))
    : `a value of type ${typeof text}`;
}
