// Everything that one multi-process test has: a temporary folder and its processes. All of it is gone
// when the test ends, whichever way; a failure carries what the processes said.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunningProcess, type StartOptions } from './running-process.js';

export class Scene {
  readonly folder: string;
  readonly #processes: RunningProcess[] = [];
  readonly #endings: (() => Promise<void> | void)[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(): Promise<Scene> {
    return new Scene(await mkdtemp(join(tmpdir(), 'pamina-scene-')));
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Starts `node ARGS…` (or another command). */
  start(name: string, args: readonly string[], options: StartOptions = {}): RunningProcess {
    const started = new RunningProcess(name, args, { cwd: this.folder, ...options });
    this.#processes.push(started);
    return started;
  }

  /** Called at the end of the test, last one first. */
  atEnd(ending: () => Promise<void> | void): void {
    this.#endings.push(ending);
  }

  /** What the processes said, those of the last cycles. */
  describe(): string {
    return this.#processes
      .slice(-6)
      .map((one) => one.describe())
      .join('\n');
  }

  async close(): Promise<void> {
    try {
      for (const ending of this.#endings.reverse()) await ending();
    } finally {
      await Promise.all(this.#processes.map((one) => one.kill('SIGKILL')));
      await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

/** A test function with a scene of its own: `it('…', inScene(async (scene) => …))`. */
export function inScene(test: (scene: Scene) => Promise<void>): () => Promise<void> {
  return async () => {
    const scene = await Scene.open();
    try {
      await test(scene);
    } catch (error) {
      if (error instanceof Error) error.message += `\n${scene.describe()}`;
      throw error;
    } finally {
      await scene.close();
    }
  };
}
