// What the engine's tests share: databases in temporary folders, a disk that fails or stops on demand,
// bytes and text back and forth, and a pump that carries a master's log to a replica.
import { existsSync } from 'node:fs';
import { nodeEnv, type Disk, type DiskFile, type Env } from '@pamina/env';
import { PaminaError, type ErrorCode } from '@pamina/format';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { readControl, writeControl } from '../src/control.js';
import { createDatabase } from '../src/create-database.js';
import type { DatabaseOptions } from '../src/database-options.js';
import { Database } from '../src/database.js';
import { newInstance } from '../src/create-database.js';

export const env: Env = nodeEnv();

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs after the test, the latest first. */
export function cleanUp(task: () => Promise<unknown>): void {
  cleanups.push(task);
}

export async function temporaryFolder(): Promise<string> {
  const folder = await env.disk.temporaryFolder('pamina-engine-');
  cleanUp(() => env.disk.removeTree(folder));
  return folder;
}

/** Opens a database that is closed after the test, if the test has not done it. */
export async function openDatabase(
  folder: string,
  options: Partial<DatabaseOptions> = {},
): Promise<Database> {
  const database = await Database.open(folder, { env, ...options });
  cleanUp(() => database.close());
  return database;
}

export async function newDatabase(options: Partial<DatabaseOptions> = {}): Promise<Database> {
  const folder = join(await temporaryFolder(), 'orders');
  await createDatabase(folder, { env });
  return openDatabase(folder, options);
}

/** The state of a folder as a crash of its process at this moment would leave it. */
export async function crashCopy(folder: string): Promise<string> {
  const copy = join(await temporaryFolder(), 'copy');
  // LevelDB's LOCK must not be read by the process that holds it (FACTS, hazard 2).
  const filter = (path: string): boolean => !path.endsWith('/LOCK');
  // The store first: it follows the log while this copies, and is behind it at every moment.
  for (const part of ['store', '.']) {
    if (!existsSync(join(folder, part))) continue;
    await cp(join(folder, part), join(copy, part), {
      recursive: true,
      filter: (path) => filter(path) && (part === 'store' || path !== join(folder, 'store')),
    });
  }
  return copy;
}

/** A closed database's copy, as a restore at its position leaves it; base, log and store as they are. */
export async function copyAs(
  type: 'replica' | 'unassigned',
  folder: string,
  name: string,
): Promise<string> {
  const copy = await crashCopy(folder);
  const control = there(await readControl(env.disk, copy));
  const master = type === 'replica' ? control.name : null;
  await writeControl(env.disk, copy, {
    ...control,
    type,
    name,
    master,
    instance: newInstance(env),
  });
  return copy;
}

/** Carries everything durable from one log to another, in chunks of about `bytesMax`. */
export async function pump(master: Database, replica: Database, bytesMax = 65_536): Promise<void> {
  const at = replica.resumePoint().segment;
  const next = { seq: replica.durable().seq + 1 };
  const cursor =
    at === null
      ? await master.log.openCursor(next)
      : await master.log.openCursorAt(at.name, at.offset);
  try {
    for (;;) {
      const chunk = await cursor.next(bytesMax);
      if (chunk === null) return;
      await replica.receive({ name: chunk.name, offset: chunk.offset, bytes: chunk.bytes });
    }
  } finally {
    await cursor.close();
  }
}

export async function contents(database: Database): Promise<Record<string, string>> {
  const entries: Record<string, string> = {};
  for await (const [key, value] of database.entries()) entries[text(key)] = text(value);
  return entries;
}

/** All that travels, as text that two databases can be compared by (P3). */
export async function stateOf(database: Database): Promise<string[]> {
  await database.whenApplied(database.durable().seq);
  const { snapshot } = await database.stateSnapshot();
  const state: string[] = [];
  try {
    for await (const entries of snapshot.entries()) {
      for (const [key, value] of entries) state.push(`${hex(key)}=${hex(value)}`);
    }
  } finally {
    await snapshot.close();
  }
  return state;
}

/** For what a test knows to be there. */
export function there<T>(value: T | null | undefined): T {
  expect(value).toBeDefined();
  expect(value).not.toBeNull();
  return value as T;
}

export function text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

export async function failure(task: Promise<unknown>): Promise<PaminaError> {
  const error: unknown = await task.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(PaminaError);
  return error as PaminaError;
}

export async function codeOf(task: Promise<unknown>): Promise<string> {
  return (await failure(task)).code;
}

/** Waits for a condition, at most ten seconds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('the condition did not come true');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface Step {
  /** As the Node disk names it in errors; `write`, `sync`, `rename` and so on. */
  readonly operation: string;
  readonly path: string;
}

/** The real disk, with every step that changes it counted and refusable. */
export class FaultyDisk {
  readonly disk: Disk;
  readonly env: Env;
  steps = 0;
  /** Asked before each step; the code that it gives is thrown and the step not done. */
  fault: (step: Step) => ErrorCode | null = () => null;
  /** Awaited before each step. */
  before: (step: Step) => Promise<void> = () => Promise.resolve();

  constructor(real: Disk = env.disk) {
    const step = (operation: string, path: string): Promise<void> => this.step({ operation, path });
    this.disk = {
      ...real,
      open: async (path, mode) => {
        if (mode !== 'read') await step('open', path);
        return this.#wrap(await real.open(path, mode));
      },
      replaceFile: (path, bytes) => step('replace', path).then(() => real.replaceFile(path, bytes)),
      createFile: (path, bytes) => step('create', path).then(() => real.createFile(path, bytes)),
      appendFile: (path, bytes, options) =>
        step('append', path).then(() => real.appendFile(path, bytes, options)),
      rename: (from, to, options) =>
        step('rename', from).then(() => real.rename(from, to, options)),
      link: (from, to) => step('link', from).then(() => real.link(from, to)),
      remove: (path) => step('remove', path).then(() => real.remove(path)),
      removeTree: (path) => step('remove', path).then(() => real.removeTree(path)),
      makeFolder: (path) => step('make the folder', path).then(() => real.makeFolder(path)),
      syncFolder: (path) => step('sync the folder', path).then(() => real.syncFolder(path)),
    };
    this.env = { ...env, disk: this.disk };
  }

  /** From here on, or after so many more steps, the process is as good as dead: nothing changes any more. */
  stopAfter(count: number): void {
    const last = this.steps + count;
    this.fault = () => (this.steps > last ? 'DISK_ERROR' : null);
  }

  async step(step: Step): Promise<void> {
    this.steps++;
    await this.before(step);
    const code = this.fault(step);
    if (code === null) return;
    throw new PaminaError(code, `cannot ${step.operation} ${step.path} (a fault was injected)`, {
      context: { ...step },
    });
  }

  #wrap(file: DiskFile): DiskFile {
    const { path } = file;
    const step = (operation: string): Promise<void> => this.step({ operation, path });
    return {
      path,
      read: (into, at) => file.read(into, at),
      size: () => file.size(),
      close: () => file.close(),
      write: async (bytes, at) => {
        await step('write');
        await file.write(bytes, at);
      },
      datasync: async () => {
        await step('sync the data of');
        await file.datasync();
      },
      sync: async () => {
        await step('sync');
        await file.sync();
      },
      truncate: async (bytes) => {
        await step('truncate');
        await file.truncate(bytes);
      },
    };
  }
}
