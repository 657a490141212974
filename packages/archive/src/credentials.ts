// Credentials of object storage: from the environment, or from a file in the usual INI form. They are
// read when an archive is opened, and appear in no address, error or log line.
import { PaminaError } from '@pamina/format';
import type { Disk } from '@pamina/env';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface CredentialPlaces {
  readonly environment: Environment;
  /** Before the environment, if given. */
  readonly file?: string | undefined;
}

const fileBytesMax = 64 * 1024;

/** ARCHIVE_CREDENTIALS_MISSING, with where it was looked. */
export async function readS3Credentials(
  disk: Disk,
  places: CredentialPlaces,
): Promise<S3Credentials> {
  const { environment } = places;
  const file = places.file ?? null;
  if (file === null) {
    const found = credentialsFrom({
      aws_access_key_id: environment['AWS_ACCESS_KEY_ID'],
      aws_secret_access_key: environment['AWS_SECRET_ACCESS_KEY'],
      aws_session_token: environment['AWS_SESSION_TOKEN'],
    });
    if (found !== null) return found;
  }
  const path = file ?? environment['AWS_SHARED_CREDENTIALS_FILE'] ?? null;
  if (path === null) {
    throw missing('neither AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY nor a file is given', null);
  }
  const profile = environment['AWS_PROFILE'] ?? 'default';
  const found = credentialsFrom(parseProfile(await readText(disk, path), profile));
  if (found !== null) return found;
  throw missing(`${path} has no access key in its profile "${profile}"`, path);
}

async function readText(disk: Disk, path: string): Promise<string> {
  const status = await disk.stat(path);
  if (status === null || status.isFolder) throw missing(`there is no file ${path}`, path);
  if (status.bytes > fileBytesMax) throw missing(`${path} is too large`, path);
  return new TextDecoder().decode(await disk.readFile(path));
}

function parseProfile(text: string, profile: string): Record<string, string> {
  const values: Record<string, string> = {};
  let section = 'default';
  for (const line of text.split('\n')) {
    const heading = /^\s*\[([^\]]*)\]\s*$/.exec(line);
    if (heading !== null) section = (heading[1] ?? '').trim();
    const pair = /^\s*([a-z_]+)\s*=\s*(\S+)\s*$/i.exec(line);
    if (pair !== null && section === profile) {
      values[(pair[1] ?? '').toLowerCase()] = pair[2] ?? '';
    }
  }
  return values;
}

function credentialsFrom(values: Environment): S3Credentials | null {
  const accessKeyId = values['aws_access_key_id'] ?? '';
  const secretAccessKey = values['aws_secret_access_key'] ?? '';
  if (accessKeyId === '' || secretAccessKey === '') return null;
  const sessionToken = values['aws_session_token'];
  return {
    accessKeyId,
    secretAccessKey,
    sessionToken: sessionToken === '' ? undefined : sessionToken,
  };
}

function missing(what: string, path: string | null): PaminaError {
  return new PaminaError('ARCHIVE_CREDENTIALS_MISSING', `no credentials: ${what}`, {
    context: { path },
  });
}
