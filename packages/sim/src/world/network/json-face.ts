// Answers over HTTP as the server gives them, without its framework: one JSON value, or, of a task, lines of JSON
// of which the last one has the result or the error.

import type { Clock, HttpListener } from '@pamina/env';
import { toPaminaError } from '@pamina/format';
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface JsonFace {
  readonly clock: Clock;
  readonly get: (path: string) => Promise<unknown>;
  readonly run: (path: string, body: unknown) => Promise<unknown>;
}

/** Who asked hears so often that a task goes on. */
const heartbeatMs = 2_000;

export function answerJson({ server }: HttpListener, face: JsonFace): void {
  server.on('request', (request, response) => {
    // It would be of the real clock.
    response.sendDate = false;
    void (request.method === 'GET' ? answer : answerTask)(face, request, response);
  });
}

/** Never rejects: what goes wrong is the answer. */
async function answer(
  face: JsonFace,
  { url = '' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, value: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
  try {
    send(200, await face.get(url));
  } catch (error) {
    const refusal = toPaminaError(error);
    send(refusal.httpStatus, { error: refusal });
  }
}

async function answerTask(
  face: JsonFace,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  let cancel: () => void;
  const beat = (): void => {
    response.write('\n');
    cancel = face.clock.after(heartbeatMs, beat);
  };
  cancel = face.clock.after(heartbeatMs, beat);
  let line: object;
  try {
    const body: unknown = JSON.parse(await textOf(request));
    line = { result: await face.run(request.url ?? '', body) };
  } catch (error) {
    line = { error: toPaminaError(error) };
  }
  cancel();
  response.end(`${JSON.stringify(line)}\n`);
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
