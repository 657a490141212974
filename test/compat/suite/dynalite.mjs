// A long conversation with dynalite, which publishes no tests of its own: every line that this prints is
// one request and its answer. What dynalite says over Level is the expectation of what it says over Pamina.
import { mkdtemp } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import dynalite from 'dynalite';

const rounds = 400;
const authorization =
  'AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=none';

/** The same numbers in every run. */
let state = 20_260;
function below(limit) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}
const oneOf = (values) => values[below(values.length)];

const path = await mkdtemp(join(tmpdir(), 'dynalite-'));
const instant = { path, createTableMs: 0, updateTableMs: 0, deleteTableMs: 0 };

async function listen() {
  const server = dynalite(instant);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

let server = await listen();

async function ask(operation, data) {
  const answer = await post(operation, data);
  console.log(JSON.stringify({ operation, data, ...answer }));
  return answer;
}

function post(operation, data) {
  const headers = {
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': `DynamoDB_20120810.${operation}`,
    'x-amz-date': '20260101T000000Z',
    authorization,
  };
  const { port } = server.address();
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method: 'POST', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => (text += part));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode, answer: settled(JSON.parse(text)) });
      });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(data));
  });
}

/** Without what differs from run to run: times, ids, and the order of a batch of reads. */
function settled(value, name = '') {
  if (Array.isArray(value)) {
    const items = value.map((item) => settled(item));
    return name === 'people' ? items.map((item) => JSON.stringify(item)).sort() : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !/DateTime$|^TableId$/.test(key));
  return Object.fromEntries(kept.map(([key, part]) => [key, settled(part, key)]));
}

async function untilActive(name) {
  for (;;) {
    const { status, answer } = await post('DescribeTable', { TableName: name });
    if (status !== 200 || answer.Table.TableStatus === 'ACTIVE') return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function untilGone(name) {
  while ((await post('DescribeTable', { TableName: name })).status === 200) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const TableName = 'people';
const throughput = { ReadCapacityUnits: 5, WriteCapacityUnits: 5 };
const hash = (name) => ({ AttributeName: name, KeyType: 'HASH' });
const range = (name) => ({ AttributeName: name, KeyType: 'RANGE' });
const all = { ProjectionType: 'ALL' };

const cities = ['Wien', 'Łódź', '東京', 'a', 'a\u0000'];
const key = () => ({ id: { S: oneOf(['a', 'b', 'ä', '東']) }, n: { N: String(below(40) - 20) } });
const item = () => ({
  ...key(),
  city: { S: oneOf(cities) },
  age: { N: String(below(100)) },
  bytes: {
    B: Buffer.from(Array.from({ length: below(50) + 1 }, () => below(256))).toString('base64'),
  },
  tags: { SS: [oneOf(cities), `tag-${below(5)}`] },
  nested: { M: { list: { L: [{ BOOL: true }, { NULL: true }, { S: 'x'.repeat(below(2000)) }] } } },
});

function query() {
  const isByCity = below(2) === 0;
  const forward = {
    ScanIndexForward: below(2) === 0,
    ...(below(3) === 0 ? { Limit: below(5) + 1 } : {}),
  };
  if (isByCity) {
    return {
      ...{ TableName, IndexName: 'byCity', ...forward },
      KeyConditionExpression: 'city = :c AND age >= :a',
      ExpressionAttributeValues: { ':c': { S: oneOf(cities) }, ':a': { N: String(below(100)) } },
    };
  }
  return {
    ...{ TableName, ...forward },
    KeyConditionExpression: 'id = :i AND n BETWEEN :from AND :to',
    ExpressionAttributeValues: {
      ':i': key().id,
      ':from': { N: String(below(20) - 20) },
      ':to': { N: String(below(20)) },
    },
  };
}

const requests = {
  PutItem: () => ({ TableName, Item: item(), ReturnValues: 'ALL_OLD' }),
  GetItem: () => ({ TableName, Key: key(), ConsistentRead: true }),
  DeleteItem: () => ({ TableName, Key: key(), ReturnValues: 'ALL_OLD' }),
  UpdateItem: () => ({
    ...{ TableName, Key: key(), ReturnValues: 'ALL_NEW' },
    UpdateExpression: 'SET city = :c ADD age :one REMOVE tags',
    ExpressionAttributeValues: { ':c': { S: oneOf(cities) }, ':one': { N: '1' } },
  }),
  BatchWriteItem: () => ({ RequestItems: { [TableName]: batch() } }),
  BatchGetItem: () => ({ RequestItems: { [TableName]: { Keys: different(10, key) } } }),
  Query: query,
  Scan: () => ({
    TableName,
    FilterExpression: 'age < :a OR contains(tags, :t)',
    ExpressionAttributeValues: { ':a': { N: String(below(100)) }, ':t': { S: oneOf(cities) } },
  }),
};

function different(count, make) {
  const made = new Map();
  for (let left = count; left > 0; left--) {
    const one = make();
    made.set(`${one.id.S} ${one.n.N}`, one);
  }
  return [...made.values()];
}

function batch() {
  return different(12, item).map((Item) =>
    below(4) === 0
      ? { DeleteRequest: { Key: { id: Item.id, n: Item.n } } }
      : { PutRequest: { Item } },
  );
}

async function createPeople() {
  await ask('CreateTable', {
    TableName,
    AttributeDefinitions: [
      { AttributeName: 'id', AttributeType: 'S' },
      { AttributeName: 'n', AttributeType: 'N' },
      { AttributeName: 'city', AttributeType: 'S' },
      { AttributeName: 'age', AttributeType: 'N' },
    ],
    KeySchema: [hash('id'), range('n')],
    LocalSecondaryIndexes: [
      { IndexName: 'byAge', KeySchema: [hash('id'), range('age')], Projection: all },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: 'byCity',
        KeySchema: [hash('city'), range('age')],
        Projection: all,
        ProvisionedThroughput: throughput,
      },
    ],
    ProvisionedThroughput: throughput,
  });
  await untilActive(TableName);
}

async function everything() {
  await ask('ListTables', {});
  await ask('DescribeTable', { TableName });
  await ask('Scan', { TableName });
  await ask('Scan', { TableName, IndexName: 'byCity' });
  for (let segment = 0; segment < 3; segment++) {
    await ask('Scan', { TableName, TotalSegments: 3, Segment: segment });
  }
}

await createPeople();
for (let round = 0; round < rounds; round++) {
  const operation = oneOf(Object.keys(requests));
  await ask(operation, requests[operation]());
}
// Different keys at the same time, whose order does not matter.
const together = different(100, item).map((Item) => post('PutItem', { TableName, Item }));
await Promise.all(together);
await everything();

// What was written is there after closing and opening.
await new Promise((resolve) => server.close(resolve));
server = await listen();
await everything();

await ask('DeleteTable', { TableName });
await untilGone(TableName);
await ask('ListTables', {});
await createPeople();
await everything();
await new Promise((resolve) => server.close(resolve));
