// Short forms for tests of the world.

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(found: Uint8Array | null): string | null {
  return found === null ? null : new TextDecoder().decode(found);
}

/** Seeds to try where a test is about what may happen. */
export function seeds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `seed ${index}`);
}
