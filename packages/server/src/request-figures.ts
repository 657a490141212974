// How many requests came, how they ended and how long they took, by route: what /metrics tells of them. Routes and
// statuses come from the code, so there is a bounded number of each.

/** Upper bounds, in seconds. */
export const durationBuckets = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10] as const;

export interface RouteFigures {
  readonly method: string;
  /** The pattern, never a path; empty where there is no such route. */
  readonly route: string;
  readonly byStatus: Map<number, number>;
  /** How many took at most so long, each bound for itself; the last one has those that took longer. */
  readonly byDuration: number[];
  seconds: number;
}

export class RequestFigures {
  underWay = 0;
  readonly #routes = new Map<string, RouteFigures>();

  get routes(): Iterable<RouteFigures> {
    return this.#routes.values();
  }

  note(method: string, route: string, status: number, seconds: number): void {
    const figures = this.#of(method, route);
    figures.byStatus.set(status, (figures.byStatus.get(status) ?? 0) + 1);
    const at = durationBuckets.findIndex((bound) => seconds <= bound);
    const bucket = at < 0 ? durationBuckets.length : at;
    figures.byDuration[bucket] = (figures.byDuration[bucket] ?? 0) + 1;
    figures.seconds += seconds;
  }

  #of(method: string, route: string): RouteFigures {
    // A stranger chooses the method where there is no route for it.
    const known = route === '' ? 'other' : method;
    const key = `${known} ${route}`;
    const found = this.#routes.get(key);
    if (found !== undefined) return found;
    const byDuration = Array.from({ length: durationBuckets.length + 1 }, () => 0);
    const made = { method: known, route, byStatus: new Map(), byDuration, seconds: 0 };
    this.#routes.set(key, made);
    return made;
  }
}
