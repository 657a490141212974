// Clients of a database elsewhere, each with a connection of its own, in one program: what a service in Node.js is
// to its database. Pamina, PostgreSQL through `pg`, Redis.
import pg from 'pg';
import { connect } from 'pamina';
import { answerCommands, configuration } from './lib/commands.mjs';
import { keysFrom } from './lib/document.mjs';
import { eachFor, eachOnce } from './lib/clients.mjs';
import { RedisConnection } from './lib/redis-connection.mjs';
import { valuesFor } from './lib/writing.mjs';

const { engine, clients, directory, port } = configuration();
const open = { pamina: openPamina, postgres: openPostgres, redis: openRedis }[engine];
const connections = await Promise.all(Array.from({ length: clients }, open));
const values = valuesFor('utf8');
let keys = [];

await answerCommands(
  {
    write: ({ seconds, seed }) => {
      const nextKey = keysFrom(seed);
      return eachFor(connections, seconds, (connection, at) =>
        connection.put(nextKey(), values[at % values.length]),
      );
    },
    /** So many documents, which are read from then on. */
    fill: async ({ records, seed }) => {
      const nextKey = keysFrom(seed);
      keys = Array.from({ length: records }, nextKey);
      await eachOnce(connections, keys, (connection, key, at) =>
        connection.put(key, values[at % values.length]),
      );
      return { records };
    },
    read: ({ seconds, seed }) =>
      eachFor(connections, seconds, async (connection, at) => {
        const key = keys[(at * 7919 + seed) % keys.length];
        if (typeof (await connection.get(key)) !== 'string') throw new Error(`${key} is not there`);
      }),
  },
  async () => {
    for (const connection of connections) await connection.close();
  },
);

async function openPamina() {
  const db = connect('pamina://orders', { directory: directory });
  await db.open();
  return db;
}

async function openPostgres() {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
  await client.connect();
  const put = {
    name: 'put',
    text:
      'insert into documents (key, document) values ($1, $2) ' +
      'on conflict (key) do update set document = excluded.document',
  };
  // As text: nobody parses the document, here or elsewhere.
  const get = { name: 'get', text: 'select document::text from documents where key = $1' };
  return {
    put: (key, value) => client.query({ ...put, values: [numberOf(key), value] }),
    get: async (key) => {
      const { rows } = await client.query({ ...get, values: [numberOf(key)] });
      return rows[0]?.document;
    },
    close: () => client.end(),
  };
}

async function openRedis() {
  const connection = await RedisConnection.open(port);
  return {
    put: (key, value) => connection.ask('SET', key, value),
    get: (key) => connection.ask('GET', key),
    close: () => Promise.resolve(connection.close()),
  };
}

/** Its table has numbers for keys. */
function numberOf(key) {
  return key.slice('key:'.length);
}
