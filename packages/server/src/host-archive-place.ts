// Archives that a restore takes from, whether a database here is archived there or the machine that was is gone.

import {
  type Archive,
  formatArchiveAddress,
  openArchive,
  parseArchiveAddress,
} from '@pamina/archive';
import { archivePlace, type RecoveryPlace } from '@pamina/backup';
import type { ArchiveSetting } from '@pamina/engine';
import type { RestoreOptions } from '@pamina/wire';
import { join, resolve } from 'node:path';
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
  const { archive, pattern } = opened;
  return archivePlace(archive, { name: choice.name, pattern, signal: core.signal });
}

/** With the identification pattern that stands behind the address, if one does. */
export async function openArchiveAt(
  core: HostCore,
  text: string,
  choice: ArchiveChoice,
): Promise<{ readonly archive: Archive; readonly pattern: string | null } | null> {
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
  return { archive, pattern };
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
