// Reads an object of object storage in a range: counts what comes, goes on where a connection broke, and
// holds every part to the same version of the object.
import { createHash } from 'node:crypto';
import { isPaminaError } from '@pamina/format';
import type { HttpResponse } from '@pamina/env';
import { objectDamaged } from '../object-errors.js';
import type { S3Client } from './client.js';
import { withRetry, type Retrying } from './retry.js';

export interface ReadOptions {
  readonly client: S3Client;
  readonly retrying: Retrying;
  readonly describe: string;
  readonly key: string;
  readonly offset: number;
  readonly length: number | null;
  readonly signal: AbortSignal | undefined;
}

interface Part {
  readonly response: HttpResponse;
  /** Offset of its first byte; the end of its last one. */
  readonly start: number;
  readonly end: number;
  readonly total: number;
  readonly etag: string | null;
}

/** The md5 of the content, where the tag of an object is that: neither of parts nor encrypted by a key service. */
export function md5OfTag(headers: Readonly<Record<string, string>>): string | null {
  if ((headers['x-amz-server-side-encryption'] ?? 'AES256') !== 'AES256') return null;
  return /^"?([0-9a-f]{32})"?$/.exec(headers['etag'] ?? '')?.[1] ?? null;
}

export async function* readS3Range(
  options: ReadOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { offset, retrying, signal } = options;
  const hash = createHash('md5');
  let at = offset;
  let etag: string | null = null;
  let attempts = 0;
  for (;;) {
    const from = at;
    const tag: string | null = etag;
    const part: Part | null = await withRetry(retrying, signal, () => openPart(options, from, tag));
    if (part === null) return;
    etag = part.etag;
    const md5 = md5OfTag(part.response.headers);
    try {
      for await (const piece of takePart(options, part, from)) {
        at += piece.length;
        hash.update(piece);
        yield piece;
      }
    } catch (error) {
      attempts += at > from ? 0 : 1;
      const mayGoOn = isPaminaError(error, 'CONNECT_FAILED') && etag !== null;
      if (!mayGoOn || attempts >= retrying.policy.attemptsMax) throw cutOff(options, at, error);
      continue;
    }
    const isWhole = offset === 0 && at === part.total;
    if (isWhole && md5 !== null && hash.digest('hex') !== md5) {
      throw damaged(options, 'its content is not what its tag says');
    }
    return;
  }
}

function cutOff(options: ReadOptions, at: number, error: unknown): unknown {
  if (!isPaminaError(error, 'CONNECT_FAILED')) return error;
  return options.client.unavailable(
    `object ${options.key} broke off at byte ${at} again and again`,
    { object: options.key },
    error,
  );
}

/** null behind the end of the object. */
async function openPart(
  options: ReadOptions,
  from: number,
  etag: string | null,
): Promise<Part | null> {
  const { client, key, length, offset, signal } = options;
  if (length === 0) return null;
  const last = length === null ? '' : String(offset + length - 1);
  const isRange = from > 0 || length !== null;
  const headers = {
    ...(isRange ? { range: `bytes=${from}-${last}` } : {}),
    ...(etag === null ? {} : { 'if-match': etag }),
  };
  const response = await client.send({ method: 'GET', key, headers, signal }, [412, 416]);
  if (response.status === 416 || response.status === 412) {
    response.cancel();
    if (response.status === 416) return null;
    throw damaged(options, 'it was replaced while it was read');
  }
  const part = partOf(options, response, from);
  if (part !== null && (etag === null || part.etag === etag)) return part;
  response.cancel();
  if (part !== null) throw damaged(options, 'it was replaced while it was read');
  throw damaged(options, 'the answer has not the range or the length that it claims');
}

function partOf(options: ReadOptions, response: HttpResponse, from: number): Part | null {
  const { headers, status } = response;
  const count = /^\d{1,15}$/.test(headers['content-length'] ?? '')
    ? Number(headers['content-length'])
    : null;
  const etag = headers['etag'] ?? null;
  if (status === 200) {
    // The whole object, also where a range was asked for: what is not wanted is passed over.
    return count === null ? null : { response, start: 0, end: count, total: count, etag };
  }
  const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(headers['content-range'] ?? '');
  if (range === null) return null;
  const [start, last, total] = [Number(range[1]), Number(range[2]), Number(range[3])];
  const end = last + 1;
  const wanted = Math.min(total, options.length === null ? total : options.offset + options.length);
  // More than was asked for is passed over: a server may answer with a larger range.
  const fits = start === from && end >= wanted && (count === null || count === end - start);
  return fits ? { response, start, end, total, etag } : null;
}

async function* takePart(
  options: ReadOptions,
  part: Part,
  from: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { length, offset } = options;
  const end = Math.min(part.end, length === null ? part.end : offset + length);
  let at = part.start;
  for await (const piece of part.response.stream()) {
    const start = Math.max(0, from - at);
    const wanted = piece.subarray(start, Math.max(start, end - at));
    at += piece.length;
    if (at > part.end) throw damaged(options, 'more came than its length says');
    if (wanted.length > 0) yield wanted;
    if (at >= end && part.end > end) return;
  }
  if (at < end) throw damaged(options, `it ends at byte ${at} of ${end}`);
}

function damaged(options: ReadOptions, what: string): Error {
  return objectDamaged(options.describe, options.key, what);
}
