// One life that does one piece of work, and is killed at one of its steps; without a point it says what
// its steps are called.
import { join } from 'node:path';
import { PointDisk, type Point } from './point-disk.js';
import { pointWorks, withHost, type PointWork, type PointWorkName } from './point-works.js';

export interface PointJob {
  readonly place: string;
  readonly work: PointWorkName;
  readonly point: Point | null;
}

const { place, point, work } = JSON.parse(process.argv[2] ?? '') as PointJob;
const disk = new PointDisk(place, point);
const { run }: PointWork = pointWorks[work];
await withHost(disk.env, join(place, 'data'), run);
process.stdout.write(JSON.stringify(disk.names));
