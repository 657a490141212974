// A replica that follows a replica, while the one above goes over to another master.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FeedServer, isEven, Pair, until, write } from './pair.js';

let pair: Pair;
beforeEach(async () => {
  pair = await Pair.create();
  await write(pair.master, 50);
});
afterEach(() => pair.close());

it('P12 what a replica of a replica wants is entered by the master of all, in both directions', async () => {
  const middle = await pair.follow('middle');
  await pair.master.permit('last', { simultaneousQuery: false });
  const last = await pair.replica('last', { master: 'middle', simultaneousQuery: true });
  const second = new FeedServer(middle.database, (replica, isOn) =>
    middle.runner.passUp(replica, isOn),
  );
  const address = await second.listen();
  const follower = pair.runner(last, () => address);
  const isEntered = async (): Promise<boolean> =>
    (await pair.master.permitted()).some((one) => one.name === 'last' && one.simultaneousQuery);
  try {
    follower.start();
    await until('entered', isEntered);
    expect(pair.master.lockData).toBe(true);
    await follower.stop();
    // Also what comes while the one between is out of touch with the master.
    await middle.runner.stop();
    await last.updateControl({ simultaneousQuery: false });
    follower.start();
    await until('welcomed', () => follower.status().state === 'streaming');
    middle.runner.start();
    await until('taken back', async () => !(await isEntered()));
    expect(pair.master.lockData).toBe(false);
  } finally {
    await follower.stop();
    await second.close();
  }
});

it('P12 a replica that has gone to another source is not spoken for any more', async () => {
  const middle = await pair.follow('middle');
  await pair.master.permit('last', { simultaneousQuery: false });
  const isEntered = async (): Promise<boolean> =>
    (await pair.master.permitted()).some((one) => one.name === 'last' && one.simultaneousQuery);
  middle.runner.passUp('last', true);
  await until('entered', isEntered);
  // It follows the master now, and wants something else.
  middle.runner.forgetPassedUp('last');
  await pair.master.permit('last', { simultaneousQuery: false });
  await middle.runner.stop();
  middle.runner.start();
  await write(pair.master, 60);
  await until('even', () => isEven(pair.master, middle.database));
  expect(await isEntered()).toBe(false);
});

it('P11 who follows a replica goes over to a new timeline with it, by itself', async () => {
  const next = await pair.follow('next');
  const middle = await pair.follow('middle');
  await pair.master.permit('last', { simultaneousQuery: false });
  const last = await pair.replica('last', { master: 'middle' });
  const second = new FeedServer(middle.database);
  const address = await second.listen();
  const follower = pair.runner(last, () => address);
  const states: string[] = [];
  follower.onChange(({ state }) => states.push(state));
  try {
    follower.start();
    const all = [next.database, middle.database, last];
    await until('even', () => all.every((replica) => isEven(pair.master, replica)));
    await middle.runner.stop();
    await next.runner.stop();
    await next.database.becomeNormal('takeover of orders');
    await next.database.updateControl({ name: 'orders' });
    pair.server.database = next.database;
    middle.runner.start();
    await write(next.database, 100);
    await until('all even', () =>
      [middle.database, last].every((one) => isEven(next.database, one)),
    );
    expect(last.timelines).toEqual(next.database.timelines);
    expect(states).not.toContain('diverged');
  } finally {
    await follower.stop();
    await second.close();
  }
});
