// What only one database has, an old master or a replica of a master that lost it: its commits behind the
// fork, as lines of JSON that a person can read and a script can put back. Written before anything of that
// database is changed, whole or not at all (P8).

import type { Database } from '@pamina/engine';
import type { Disk } from '@pamina/env';
import type { LogRecord } from '@pamina/log';
import {
  forEachOperation,
  formatPosition,
  RecordKind,
  systemPrefix,
  timelineAt,
} from '@pamina/format';
import { dirname, join } from 'node:path';
import type { HostCore } from './host-core.js';

const flushBytesMin = 1024 * 1024;

/** Resolves to how many commits the file holds; with none, and after an error, there is no file. LOG_GONE. */
export async function writeRescueFile(
  disk: Disk,
  path: string,
  database: Database,
  forkSeq: number,
): Promise<number> {
  const beside = `${path}.partial`;
  await disk.makeFolder(dirname(path));
  try {
    const commits = await writeLines(disk, beside, database, forkSeq);
    if (commits > 0) await disk.rename(beside, path, { replace: true });
    return commits;
  } catch (error) {
    await disk.removeTree(beside);
    throw error;
  }
}

async function writeLines(
  disk: Disk,
  path: string,
  database: Database,
  forkSeq: number,
): Promise<number> {
  let commits = 0;
  let lines: string[] = [];
  let length = 0;
  const flush = async (): Promise<void> => {
    if (lines.length === 0) return;
    await disk.appendFile(path, new TextEncoder().encode(lines.join('')), { sync: true });
    lines = [];
    length = 0;
  };
  for await (const { body, header } of commitsBehind(database, forkSeq)) {
    const { timeline } = timelineAt(database.timelines, header.seq);
    const line = lineOf(body, formatPosition({ timeline, seq: header.seq }), header.time);
    lines.push(line);
    commits += 1;
    length += line.length;
    if (length >= flushBytesMin) await flush();
  }
  await flush();
  return commits;
}

/** Where the next one of a database goes. */
export function rescuePath(
  { dataFolder, env }: Pick<HostCore, 'dataFolder' | 'env'>,
  name: string,
) {
  const time = new Date(env.clock.now()).toISOString().replace(/[:.]/g, '-');
  return join(dataFolder, '.rescue', `${name}-${time}.ndjson`);
}

/** How many the file would hold. LOG_GONE. */
export async function countCommits(database: Database, forkSeq: number): Promise<number> {
  let commits = 0;
  for await (const _commit of commitsBehind(database, forkSeq)) commits += 1;
  return commits;
}

async function* commitsBehind(
  { log }: Database,
  forkSeq: number,
): AsyncGenerator<Pick<LogRecord, 'body' | 'header'>> {
  for await (const { body, header } of log.records(forkSeq + 1)) {
    if (header.kind === RecordKind.commit) yield { body, header };
  }
}

function lineOf(body: Uint8Array, position: string, time: number): string {
  const operations: object[] = [];
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const add = (type: 'put' | 'del', key: Uint8Array, value: object): void => {
    const space = key[0] === systemPrefix ? { space: 'system' } : {};
    operations.push({ type, ...space, ...named('key', key.subarray(1)), ...value });
  };
  forEachOperation(body, view, 0, body.length, {
    put: (keyStart, keyEnd, valueStart, valueEnd) =>
      add(
        'put',
        body.subarray(keyStart, keyEnd),
        named('value', body.subarray(valueStart, valueEnd)),
      ),
    delete: (keyStart, keyEnd) => add('del', body.subarray(keyStart, keyEnd), {}),
  });
  return `${JSON.stringify({ position, time: new Date(time).toISOString(), operations })}\n`;
}

/** As text; what is not UTF-8 in base64 under a name that says so. */
function named(name: string, bytes: Uint8Array): object {
  try {
    return { [name]: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { [`${name}Base64`]: Buffer.from(bytes).toString('base64') };
  }
}
