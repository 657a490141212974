// Object storage for tests: heeds conditions (or not), checks signatures, and misbehaves when told.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { AwsV4Signer } from 'aws4fetch';

export const fakeKeys = {
  accessKeyId: 'FAKEACCESSKEY0000001',
  secretAccessKey: 'fake/secret+0000000000001',
};

interface Stored {
  readonly bytes: Buffer;
  readonly modified: Date;
}

/** What is wrong with the answer to one request. */
export type Fault =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly code: string;
      readonly retryAfter?: string;
    }
  /** Ends the connection after so many bytes of the body. */
  | { readonly kind: 'cut'; readonly bytes: number }
  /** Says one length in the range and sends another. */
  | { readonly kind: 'wrong-length' }
  /** Delivers what the object was before. */
  | { readonly kind: 'older' }
  /** Changes the object before the answer. */
  | { readonly kind: 'flip' }
  /** Carries the request out and drops the answer. */
  | { readonly kind: 'no-answer' };

export class FakeS3 {
  readonly objects = new Map<string, Stored>();
  readonly older = new Map<string, Stored>();
  readonly requests: string[] = [];
  /** The answer to If-None-Match: carried out, ignored, or refused by name. */
  conditions: 'heeded' | 'ignored' | 'refused' = 'heeded';
  /** Called for each request; what it returns befalls it. */
  fault: (method: string, key: string) => Fault | null = () => null;
  /** Called before a PUT is carried out. */
  beforePut: (key: string) => Promise<void> = () => Promise.resolve();
  pageSize = 1000;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
    const key = decodeURIComponent(url.pathname).replace(/^\/[^/]+\/?/, '');
    const method = request.method ?? 'GET';
    this.requests.push(`${method} ${key}`);
    if (!(await isSigned(request, url))) {
      refuse(response, 403, 'SignatureDoesNotMatch');
      return;
    }
    const fault = this.fault(method, key);
    if (fault?.kind === 'status') {
      if (fault.retryAfter !== undefined) response.setHeader('retry-after', fault.retryAfter);
      refuse(response, fault.status, fault.code);
      return;
    }
    if (method === 'PUT') await this.#put(request, response, key, body, fault);
    else if (method === 'DELETE') {
      this.objects.delete(key);
      response.writeHead(204).end();
    } else if (key === '') this.#list(url, response);
    else this.#get(request, response, key, fault);
  }

  async #put(
    request: IncomingMessage,
    response: ServerResponse,
    key: string,
    body: Buffer,
    fault: Fault | null,
  ): Promise<void> {
    const md5 = createHash('md5').update(body);
    if (request.headers['content-md5'] !== md5.copy().digest('base64')) {
      refuse(response, 400, 'BadDigest');
      return;
    }
    await this.beforePut(key);
    const isConditional = request.headers['if-none-match'] === '*';
    if (isConditional && this.conditions === 'refused') {
      refuse(response, 501, 'NotImplemented');
      return;
    }
    if (isConditional && this.conditions === 'heeded' && this.objects.has(key)) {
      refuse(response, 412, 'PreconditionFailed');
      return;
    }
    const before = this.objects.get(key);
    if (before !== undefined) this.older.set(key, before);
    const bytes = fault?.kind === 'flip' ? flipped(body) : body;
    this.objects.set(key, { bytes, modified: new Date() });
    if (fault?.kind === 'no-answer') {
      response.destroy();
      return;
    }
    response.writeHead(200, { etag: tagOf(bytes) }).end();
  }

  #get(request: IncomingMessage, response: ServerResponse, key: string, fault: Fault | null): void {
    const stored =
      (fault?.kind === 'older' ? this.older.get(key) : undefined) ?? this.objects.get(key);
    if (stored === undefined) {
      refuse(response, 404, 'NoSuchKey');
      return;
    }
    const tag = tagOf(stored.bytes);
    if (request.headers['if-match'] !== undefined && request.headers['if-match'] !== tag) {
      refuse(response, 412, 'PreconditionFailed');
      return;
    }
    const content = fault?.kind === 'flip' ? flipped(stored.bytes) : stored.bytes;
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = Number(range?.[1] ?? 0);
    if (range !== null && start >= content.length) {
      refuse(response, 416, 'InvalidRange');
      return;
    }
    const wanted = range?.[2] === undefined || range[2] === '' ? Infinity : Number(range[2]) + 1;
    const end = Math.min(content.length, wanted);
    const sent =
      fault?.kind === 'wrong-length'
        ? content.subarray(start, end - 1)
        : content.subarray(start, end);
    const headers: Record<string, string | number> = { etag: tag, 'content-length': sent.length };
    if (range !== null) headers['content-range'] = `bytes ${start}-${end - 1}/${content.length}`;
    response.writeHead(range === null ? 200 : 206, headers);
    if (request.method === 'HEAD') response.end();
    else if (fault?.kind === 'cut') {
      response.write(sent.subarray(0, fault.bytes), () => response.destroy());
    } else response.end(sent);
  }

  #list(url: URL, response: ServerResponse): void {
    const prefix = url.searchParams.get('prefix') ?? '';
    const after = url.searchParams.get('continuation-token') ?? '';
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(prefix) && key > after)
      .sort();
    const page = keys.slice(0, this.pageSize);
    const isCut = keys.length > page.length;
    const contents = page.map((key) => {
      const { bytes, modified } = this.objects.get(key) as Stored;
      return `<Contents><Key>${key}</Key><LastModified>${modified.toISOString()}</LastModified><Size>${bytes.length}</Size></Contents>`;
    });
    const token = isCut ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
    response.writeHead(200, { 'content-type': 'application/xml' });
    response.end(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>${isCut}</IsTruncated>${token}${contents.join('')}</ListBucketResult>`,
    );
  }
}

/** As the real ones do, the refusal repeats the access key. */
function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(
    `<Error><Code>${code}</Code><Message>no</Message><AWSAccessKeyId>${fakeKeys.accessKeyId}</AWSAccessKeyId></Error>`,
  );
}

async function isSigned(request: IncomingMessage, url: URL): Promise<boolean> {
  const given = request.headers.authorization ?? '';
  const signed = /SignedHeaders=([^,]+)/.exec(given)?.[1]?.split(';') ?? [];
  const headers = Object.fromEntries(
    signed
      .filter((name) => name !== 'host')
      .map((name) => [name, String(request.headers[name] ?? '')]),
  );
  const region = /Credential=[^/]+\/\d+\/([^/]+)\/s3/.exec(given)?.[1] ?? 'us-east-1';
  const signer = new AwsV4Signer({
    url: url.href,
    method: request.method ?? 'GET',
    headers,
    ...fakeKeys,
    service: 's3',
    region,
    datetime: String(request.headers['x-amz-date']),
  });
  return (await signer.sign()).headers.get('authorization') === given;
}

function tagOf(bytes: Uint8Array): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const middle = copy.length >> 1;
  copy[middle] = (copy[middle] ?? 0) ^ 1;
  return copy;
}
