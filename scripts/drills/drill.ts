// What a drill is: a story of failures played with real servers, told as a timeline, with figures at its
// end and a verdict. What must hold and does not is a fault, whatever else went well.
import { Scene } from '../../test/support/scene.js';

export interface DrillReport {
  readonly drill: string;
  readonly title: string;
  /** By what the failure was made, where there is more than one way; null where it was not played at all. */
  readonly way: string | null;
  /** Better ways that this machine lacks what they need for; of a drill that was not played, all. */
  readonly lacking: readonly Lacking[];
  readonly seconds: number;
  readonly events: readonly { readonly ms: number; readonly what: string }[];
  readonly figures: Readonly<Record<string, number | string>>;
  readonly faults: readonly string[];
}

/** One way to make the failure that a drill is about. */
export interface Way {
  readonly name: string;
  /** What this machine lacks for it; null if nothing. */
  readonly lacking: () => string | null;
  readonly play: (telling: Telling) => Promise<void>;
}

export interface Drill {
  readonly name: string;
  readonly title: string;
  /** The best one first: the first one that this machine has all for is played. */
  readonly ways: readonly Way[];
}

export interface Lacking {
  readonly way: string;
  readonly why: string;
}

/** The ways of a drill that needs nothing but Node. */
export function anywhere(play: Way['play']): readonly Way[] {
  return [{ name: 'processes', lacking: () => null, play }];
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

/** Plays one way of a drill: the best that can be had here, unless it is named. */
export async function playDrill(
  { name, title, ways }: Drill,
  onEvent: (ms: number, what: string) => void,
  wanted?: Way,
): Promise<DrillReport> {
  const lacking: Lacking[] = [];
  let way: Way | null = wanted ?? null;
  for (const one of wanted === undefined ? ways : []) {
    const why = one.lacking();
    if (why === null) {
      way = one;
      break;
    }
    lacking.push({ way: one.name, why });
  }
  const told = { drill: name, title, lacking };
  if (way === null) {
    return { ...told, way: null, seconds: 0, events: [], figures: {}, faults: [] };
  }
  const startedAt = performance.now();
  const { events, faults, figures } = await playWay(way, onEvent);
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  return { ...told, way: way.name, seconds, events, figures, faults };
}

async function playWay(
  { play }: Way,
  onEvent: (ms: number, what: string) => void,
): Promise<Telling> {
  const scene = await Scene.open();
  const telling = new Telling(scene, onEvent);
  try {
    await play(telling);
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    telling.faults.push(`${message}\n${scene.describe()}`);
  } finally {
    await scene.close();
  }
  return telling;
}
