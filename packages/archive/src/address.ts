// Addresses of archives: `file:///path`, `/path`, `s3://bucket/prefix?endpoint=…&region=…`. A credential
// has no place in one: addresses are stored and printed.
import { fileURLToPath } from 'node:url';
import { PaminaError } from '@pamina/format';

export interface FolderAddress {
  readonly kind: 'folder';
  readonly path: string;
}

export interface S3Address {
  readonly kind: 's3';
  readonly bucket: string;
  /** Empty, or ending with `/`. */
  readonly prefix: string;
  /** `https://host[:port]`; null for the storage's own address of the region. */
  readonly endpoint: string | null;
  readonly region: string;
}

export type ArchiveAddress = FolderAddress | S3Address;

const bucketPattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const prefixPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/;
const regionPattern = /^[a-z0-9-]{1,40}$/;
const addressLengthMax = 1024;

/** ARCHIVE_ADDRESS_INVALID. The error does not repeat the address: it may hold what is secret. */
export function parseArchiveAddress(text: string): ArchiveAddress {
  if (text.length > addressLengthMax) throw invalid('it is too long');
  if (text.startsWith('/') && !text.includes('\0')) return { kind: 'folder', path: text };
  if (!URL.canParse(text)) throw invalid('it is neither an absolute path nor a URL');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw invalid('it holds a user name or a password');
  if (url.hash !== '') throw invalid('it has a part behind "#"');
  if (url.protocol === 'file:') return folderOf(url);
  if (url.protocol === 's3:') return s3Of(url);
  throw invalid(`${url.protocol} is not a kind of archive: there are file: and s3:`);
}

function folderOf(url: URL): FolderAddress {
  if (url.host !== '' || url.search !== '') throw invalid('a folder is written as file:///path');
  const path = pathOf(url);
  if (path === null || path.includes('\0'))
    throw invalid('its path holds a "%" that is no character');
  return { kind: 'folder', path };
}

/** Null where what stands behind a "%" is no UTF-8, or is a "/". */
function pathOf(url: URL): string | null {
  try {
    return fileURLToPath(url);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (error instanceof URIError || code === 'ERR_INVALID_FILE_URL_PATH') return null;
    throw error;
  }
}

function s3Of(url: URL): S3Address {
  const bucket = url.hostname;
  if (url.port !== '' || !bucketPattern.test(bucket) || bucket.includes('..')) {
    throw invalid('what stands behind s3:// is not the name of a bucket');
  }
  const prefix = url.pathname.replace(/^\/|\/$/g, '');
  if (prefix !== '' && (!prefixPattern.test(prefix) || prefix.includes('..'))) {
    throw invalid('its prefix may have letters, digits, "._-" and "/" only');
  }
  for (const name of url.searchParams.keys()) {
    if (name !== 'endpoint' && name !== 'region') {
      throw invalid('only endpoint and region may stand behind "?"');
    }
  }
  const region = url.searchParams.get('region') ?? 'us-east-1';
  if (!regionPattern.test(region)) throw invalid('its region is not a name of one');
  const endpoint = url.searchParams.get('endpoint');
  return {
    kind: 's3',
    bucket,
    prefix: prefix === '' ? '' : `${prefix}/`,
    endpoint: endpoint === null ? null : endpointOf(endpoint),
    region,
  };
}

function endpointOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const fits =
    url !== null &&
    (url.protocol === 'http:' || url.protocol === 'https:') &&
    url.username === '' &&
    url.password === '' &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '';
  if (!fits) throw invalid('its endpoint is not of the form https://HOST[:PORT]');
  return url.origin;
}

/** One text for each address; what is stored and printed. */
export function formatArchiveAddress(address: ArchiveAddress): string {
  if (address.kind === 'folder') return address.path;
  const { bucket, endpoint, prefix, region } = address;
  const query = endpoint === null ? '' : `endpoint=${endpoint}&`;
  return `s3://${bucket}/${prefix}?${query}region=${region}`;
}

function invalid(what: string): PaminaError {
  return new PaminaError(
    'ARCHIVE_ADDRESS_INVALID',
    `the address of the archive is not valid: ${what}`,
  );
}
