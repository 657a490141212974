// What a drill is: a story of failures played with real servers, told as a timeline, with figures at its
// end and a verdict. What must hold and does not is a fault, whatever else went well.
import { Scene } from '../../test/support/scene.js';

export interface DrillReport {
  readonly drill: string;
  readonly title: string;
  readonly seconds: number;
  readonly events: readonly { readonly ms: number; readonly what: string }[];
  readonly figures: Readonly<Record<string, number | string>>;
  readonly faults: readonly string[];
}

export interface Drill {
  readonly name: string;
  readonly title: string;
  readonly play: (telling: Telling) => Promise<void>;
}

/** What a drill tells while it plays. */
export class Telling {
  readonly scene: Scene;
  readonly events: { ms: number; what: string }[] = [];
  readonly figures: Record<string, number | string> = {};
  readonly faults: string[] = [];
  readonly #startedAt = performance.now();
  readonly #onEvent: (ms: number, what: string) => void;

  constructor(scene: Scene, onEvent: (ms: number, what: string) => void) {
    this.scene = scene;
    this.#onEvent = onEvent;
  }

  event(what: string): void {
    const ms = Math.round(performance.now() - this.#startedAt);
    this.events.push({ ms, what });
    this.#onEvent(ms, what);
  }

  figure(name: string, value: number | string): void {
    this.figures[name] = value;
  }

  /** A fault where it does not hold. */
  must(holds: boolean, what: string): void {
    if (!holds) this.faults.push(what);
  }
}

export async function playDrill(
  { name, play, title }: Drill,
  onEvent: (ms: number, what: string) => void,
): Promise<DrillReport> {
  const scene = await Scene.open();
  const telling = new Telling(scene, onEvent);
  const startedAt = performance.now();
  try {
    await play(telling);
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    telling.faults.push(`${message}\n${scene.describe()}`);
  } finally {
    await scene.close();
  }
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  const { events, faults, figures } = telling;
  return { drill: name, title, seconds, events, figures, faults };
}
