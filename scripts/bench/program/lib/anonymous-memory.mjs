// Samples the anonymous memory of this process once a second. Table files that LevelDB maps are page
// cache, which the system takes back when it likes, so they are not in it.
import { readFileSync } from 'node:fs';

const everyMs = 1000;
const bytesPerKilobyte = 1024;

export class AnonymousMemory {
  samples = [];
  #timer = setInterval(() => this.#sample(), everyMs);

  constructor() {
    this.#sample();
  }

  stop() {
    clearInterval(this.#timer);
    this.#sample();
    return this.samples;
  }

  #sample() {
    const status = readFileSync('/proc/self/status', 'utf8');
    const kilobytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1];
    if (kilobytes === undefined) throw new Error('/proc/self/status does not tell RssAnon');
    this.samples.push(Number(kilobytes) * bytesPerKilobyte);
  }
}
