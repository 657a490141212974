// Signed requests to object storage: one method that sends, and turns what is refused into an error that
// says what to do and has no secret in it.
import { createHash } from 'node:crypto';
import { PaminaError, isPaminaError } from '@pamina/format';
import type { Env, HttpResponse } from '@pamina/env';
import { AwsV4Signer } from 'aws4fetch';
import type { S3Address } from '../address.js';
import type { S3Credentials } from '../credentials.js';
import { parseErrorCode } from './xml.js';

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** With the prefix; empty for the bucket. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
  /** Of the body, lowercase hex. */
  readonly sha256?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Statuses other than 2xx that a caller takes as an answer. */
type Accepted = readonly number[];

const errorBytesMax = 64 * 1024;
/** An upload is answered when it is stored: 64 MiB over a slow line take their time. */
const timeoutMs = 120_000;
const retryStatuses = new Set([408, 409, 429, 500, 502, 503, 504]);
const emptyHash = createHash('sha256').digest('hex');

export class S3Client {
  readonly #env: Pick<Env, 'clock' | 'network'>;
  readonly #address: S3Address;
  readonly #credentials: S3Credentials;
  readonly #describe: string;
  /** Keys derived of the secret, for a day and region. */
  readonly #keys = new Map<string, ArrayBuffer>();

  constructor(
    env: Pick<Env, 'clock' | 'network'>,
    address: S3Address,
    credentials: S3Credentials,
    describe: string,
  ) {
    this.#env = env;
    this.#address = address;
    this.#credentials = credentials;
    this.#describe = describe;
  }

  /** The response, its body not read yet. ARCHIVE_UNAVAILABLE, ARCHIVE_DENIED, ARCHIVE_NOT_FOUND. */
  async send(request: S3Request, accepted: Accepted = []): Promise<HttpResponse> {
    const response = await this.#sent(request);
    const isAnswer = response.status >= 200 && response.status < 300;
    if (isAnswer || accepted.includes(response.status)) return response;
    throw await this.#refusal(request, response);
  }

  async #sent(request: S3Request): Promise<HttpResponse> {
    const { body, method, signal } = request;
    const { url, headers } = await this.#sign(request);
    try {
      return await this.#env.network.request(url, { method, headers, body, signal, timeoutMs });
    } catch (cause) {
      const isUnreached =
        isPaminaError(cause, 'CONNECT_FAILED') || isPaminaError(cause, 'TLS_FAILED');
      if (!isUnreached) throw cause;
      throw this.unavailable(`it did not answer (${cause.message})`, {}, cause);
    }
  }

  async #sign(request: S3Request): Promise<{ url: string; headers: Record<string, string> }> {
    const { key, method } = request;
    const url = new URL(this.#urlOf(key));
    for (const [name, value] of Object.entries(request.query ?? {})) {
      url.searchParams.set(name, value);
    }
    const sha256 = request.sha256 ?? emptyHash;
    const signer = new AwsV4Signer({
      url: url.href,
      method,
      headers: { ...request.headers, 'x-amz-content-sha256': sha256 },
      accessKeyId: this.#credentials.accessKeyId,
      secretAccessKey: this.#credentials.secretAccessKey,
      ...(this.#credentials.sessionToken === undefined
        ? {}
        : { sessionToken: this.#credentials.sessionToken }),
      service: 's3',
      region: this.#address.region,
      cache: this.#keys,
      datetime: new Date(this.#env.clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ''),
    });
    const signed = await signer.sign();
    return { url: signed.url.href, headers: Object.fromEntries(signed.headers) };
  }

  /** With an endpoint the bucket is the first part of the path, which every server of this kind knows. */
  #urlOf(key: string): string {
    const { bucket, endpoint, region } = this.#address;
    if (endpoint !== null) return `${endpoint}/${bucket}/${key}`;
    if (bucket.includes('.')) return `https://s3.${region}.amazonaws.com/${bucket}/${key}`;
    return `https://${bucket}.s3.${region}.amazonaws.com/${key}`;
  }

  async #refusal(request: S3Request, response: HttpResponse): Promise<PaminaError> {
    const { status } = response;
    const code = await errorCode(response);
    const what = `${request.method} ${request.key} was answered with ${status}${code === null ? '' : ` ${code}`}`;
    const context = { archive: this.#describe, object: request.key, status, answer: code };
    if (code === 'NoSuchBucket') {
      return new PaminaError('ARCHIVE_NOT_FOUND', `${this.#describe}: ${what}`, { context });
    }
    if (status === 404) {
      return new PaminaError('ARCHIVE_OBJECT_NOT_FOUND', `${this.#describe}: ${what}`, { context });
    }
    if (retryStatuses.has(status) || code === 'SlowDown' || code === 'RequestTimeout') {
      return this.unavailable(what, { ...context, retryAfterMs: retryAfterMs(response) });
    }
    return new PaminaError('ARCHIVE_DENIED', `${this.#describe}: ${what}`, { context });
  }

  unavailable(
    what: string,
    context: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ): PaminaError {
    return new PaminaError('ARCHIVE_UNAVAILABLE', `${this.#describe}: ${what}`, {
      cause,
      context: { archive: this.#describe, ...context },
    });
  }
}

async function errorCode(response: HttpResponse): Promise<string | null> {
  try {
    return parseErrorCode(new TextDecoder().decode(await response.bytes(errorBytesMax)));
  } catch (error) {
    // The status says enough; the connection is of no use any more.
    if (isPaminaError(error)) return null;
    throw error;
  }
}

function retryAfterMs(response: HttpResponse): number | null {
  const seconds = response.headers['retry-after'] ?? '';
  return /^\d{1,4}$/.test(seconds) ? Number(seconds) * 1000 : null;
}
