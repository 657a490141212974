// What a test or the shell sees of the simulation.

export { createWorld } from './world/world.js';
