// Stands between a replica and its master, and can be made narrow: a replica whose network is slow. Where
// the master is, it looks up at each connection.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { answerCommands, configuration } from './lib/commands.mjs';

const { directory, master } = configuration();
let bytesPerSecond = Number.POSITIVE_INFINITY;

const server = createServer((near) => {
  forward(near).catch((error) => near.destroy(error));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

await answerCommands(
  {
    narrow: (command) => {
      ({ bytesPerSecond } = command);
      return {};
    },
  },
  () => Promise.resolve(),
  { address: `http://127.0.0.1:${server.address().port}` },
);

async function forward(near) {
  const { address } = JSON.parse(await readFile(directory, 'utf8'))[master];
  const { hostname, port } = new URL(address);
  const far = connect({ host: hostname, port: Number(port), noDelay: true });
  for (const [one, other] of [
    [near, far],
    [far, near],
  ]) {
    one.on('error', () => other.destroy());
    one.on('close', () => other.destroy());
  }
  near.on('data', (bytes) => far.write(bytes));
  far.on('data', (bytes) => {
    near.write(bytes);
    const restMs = (bytes.length / bytesPerSecond) * 1000;
    if (restMs < 1) return;
    far.pause();
    setTimeout(() => far.resume(), restMs);
  });
}
