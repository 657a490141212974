// What a test or the shell sees of the simulation.

export type { World } from './world/world.js';
