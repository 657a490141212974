// Requests to a server of a test, and what it answers.

import type { HostServer } from '../src/server.js';
import { env } from './workbench.js';

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Asked {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

export async function ask(
  server: Pick<HostServer, 'address'>,
  path: string,
  { body, headers = {}, method = body === undefined ? 'GET' : 'POST' }: Asked = {},
): Promise<Answer> {
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await env.network.request(`${server.address}${path}`, {
    method,
    headers: { ...type, ...headers },
    body: body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body)),
  });
  const text = new TextDecoder().decode(await response.bytes(10_000_000));
  return { status: response.status, text, headers: response.headers };
}

export async function askJson<T = unknown>(
  server: Pick<HostServer, 'address'>,
  path: string,
  asked?: Asked,
): Promise<{ readonly status: number; readonly body: T }> {
  const { status, text } = await ask(server, path, asked);
  return { status, body: JSON.parse(text) as T };
}
