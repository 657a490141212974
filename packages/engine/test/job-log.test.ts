import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { JobLog, type JobEvent } from '../src/job-log.js';
import { FaultyDisk, env, temporaryFolder, there } from './workbench.js';

const mebibyte = 1024 * 1024;

async function newJobLog(disk = env.disk): Promise<{ jobLog: JobLog; path: string }> {
  const folder = await temporaryFolder();
  return { jobLog: new JobLog(disk, env.clock, folder), path: join(folder, 'job.log') };
}

const messages = (events: JobEvent[]): string[] => events.map(({ message }) => message);

test('an event is one line of JSON with its time, and the newest are read back oldest first', async () => {
  const { jobLog, path } = await newJobLog();
  jobLog.write('info', 'started', 'It started.', { session: 1 });
  jobLog.write('warning', 'slow', 'It is\nslow.');
  const events = await jobLog.tail(10);
  expect(events).toMatchObject([
    { level: 'info', event: 'started', message: 'It started.', fields: { session: 1 } },
    { level: 'warning', event: 'slow', message: 'It is\nslow.' },
  ]);
  expect(Math.abs(Date.parse(there(events[0]).time) - env.clock.now())).toBeLessThan(60_000);
  expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(3);
  expect(messages(await jobLog.tail(1))).toEqual(['It is\nslow.']);
  expect(await jobLog.tail(0)).toEqual([]);
});

test('P13 the file is rotated, a few old ones are kept, and the tail reads across them', async () => {
  const { jobLog, path } = await newJobLog();
  for (let file = 0; file < 6; file++) {
    jobLog.write('info', 'big', `${file}${'x'.repeat(8 * mebibyte)}`);
    await jobLog.settle();
    jobLog.write('info', 'small', `after ${file}`);
    await jobLog.settle();
  }
  await expect(stat(`${path}.3`)).resolves.toMatchObject({});
  await expect(stat(`${path}.4`)).rejects.toMatchObject({ code: 'ENOENT' });
  const events = await jobLog.tail(3);
  expect(events.map(({ event }) => event)).toEqual(['small', 'big', 'small']);
  expect(there(events[2]).message).toBe('after 5');
});

test('lines that cannot be written wait, in order and bounded, and nobody is stopped', async () => {
  const faulty = new FaultyDisk();
  const { jobLog } = await newJobLog(faulty.disk);
  faulty.fault = () => 'DISK_FULL';
  jobLog.write('info', 'a', 'first');
  await jobLog.settle();
  expect(jobLog.failure).toMatchObject({ code: 'DISK_FULL' });
  for (let index = 0; index < 10_005; index++) jobLog.write('info', 'a', `line ${index}`);
  await jobLog.settle();
  faulty.fault = () => null;
  jobLog.write('info', 'a', 'last');
  const events = messages(await jobLog.tail(20_000));
  expect(events).toHaveLength(10_000);
  expect(events[0]).toBe('line 6');
  expect(events.at(-1)).toBe('last');
  expect(jobLog.failure).toBeNull();
});

test('a line that a crash cut does not take the next one with it', async () => {
  const { jobLog, path } = await newJobLog();
  await writeFile(path, '{"event":"whole","message":"whole"}\n{"event":"cu');
  jobLog.write('info', 'next', 'next');
  expect(messages(await jobLog.tail(10))).toEqual(['whole', 'next']);
});

test('a listener hears events until it is taken away', async () => {
  const { jobLog } = await newJobLog();
  const heard: string[] = [];
  const stop = jobLog.subscribe(({ message }) => heard.push(message));
  jobLog.write('info', 'a', 'one');
  stop();
  jobLog.write('info', 'a', 'two');
  await jobLog.settle();
  expect(heard).toEqual(['one']);
});
