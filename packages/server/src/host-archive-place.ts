// Archives that a restore takes from, whether a database here is archived there or the machine that was is gone.

import {
  type Archive,
  formatArchiveAddress,
  openArchive,
  parseArchiveAddress,
} from '@pamina/archive';
import { archivePlace, type RecoveryPlace } from '@pamina/backup';
import type { ArchiveSetting } from '@pamina/engine';
import { PaminaError } from '@pamina/format';
import type { RestoreOptions } from '@pamina/wire';
import { join, resolve } from 'node:path';
import { openAs } from './host-archive.js';
import type { HostCore } from './host-core.js';

export interface ArchiveChoice extends Pick<RestoreOptions, 'credentialsFile' | 'identityFile'> {
  /** As the database was called when it was archived. */
  readonly name: string;
}

const markerName = 'pamina-archive';
const patternBehind = /#([0-9a-f]{32})$/;

/** null for what is no archive: another kind of folder or address. */
export async function archiveAt(
  core: HostCore,
  text: string,
  choice: ArchiveChoice,
): Promise<RecoveryPlace | null> {
  const opened = await openArchiveAt(core, text, choice);
  if (opened === null) return null;
  const { archive, database, pattern } = opened;
  return archivePlace(archive, { name: database, pattern, signal: core.signal });
}

export interface OpenedArchive {
  readonly archive: Archive;
  /** What stood behind the address, or is known of the database that has the archive. */
  readonly pattern: string | null;
  /** The name that its objects stand under. */
  readonly database: string;
}

/**
 * By address, with the identification pattern behind it if one is, or by the name that a database here gave it: a
 * word without a slash is always that. null for another kind of folder or address. ARCHIVE_NOT_FOUND.
 */
export async function openArchiveAt(
  core: HostCore,
  text: string,
  choice: ArchiveChoice,
): Promise<OpenedArchive | null> {
  if (!/[\\/]/.test(text)) return openNamed(core, text, choice);
  const pattern = patternBehind.exec(text)?.[1] ?? null;
  const place = text.replace(patternBehind, '');
  const isAddress = /^(?:s3|file):\/\//i.test(place);
  if (!isAddress && (await core.env.disk.stat(join(resolve(place), markerName))) === null) {
    return null;
  }
  const address = formatArchiveAddress(parseArchiveAddress(isAddress ? place : resolve(place)));
  const known = await settingFor(core, choice.name, address);
  const identityFile = choice.identityFile ?? known?.identityFile ?? undefined;
  const archive = await openArchive({
    env: core.env,
    environment: core.environment,
    address,
    credentialsFile: choice.credentialsFile ?? known?.credentialsFile ?? undefined,
    encryption: identityFile === undefined ? null : { recipients: [], identityFile },
    create: false,
    signal: core.signal,
  });
  return { archive, pattern, database: known?.database ?? choice.name };
}

async function openNamed(
  core: HostCore,
  text: string,
  { credentialsFile, identityFile, name }: ArchiveChoice,
): Promise<OpenedArchive> {
  const control = (await core.exists(name)) ? await core.control(name) : null;
  const setting = control?.archives?.find((one) => one.name === text);
  if (control === null || setting === undefined) {
    throw new PaminaError('ARCHIVE_NOT_FOUND', `no database ${name} here has an archive ${text}`, {
      context: { name, archive: text },
      hint: `Check the name with \`pamina archive list ${name}\`. A folder is written with a slash: ./${text}`,
    });
  }
  const keys = {
    identityFile: identityFile ?? setting.identityFile,
    credentialsFile: credentialsFile ?? setting.credentialsFile,
  };
  const options = { create: false, signal: core.signal };
  const archive = await openAs(core, { ...setting, ...keys }, options);
  return { archive, pattern: control.pattern, database: setting.database };
}

/** Of a database that is archived there from here the keys are known. */
async function settingFor(
  core: HostCore,
  name: string,
  address: string,
): Promise<ArchiveSetting | undefined> {
  if (!(await core.exists(name))) return undefined;
  const { archives = [] } = await core.control(name);
  return archives.find((one) => one.address === address);
}
