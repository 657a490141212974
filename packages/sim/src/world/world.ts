// One simulated world: hosts with disks, clocks and a network between them, all moved by one seed.

export interface World {
  readonly seed: string;
}

export function createWorld(options: { readonly seed: string | number }): World {
  return { seed: String(options.seed) };
}
