// Writes one entry in a transaction of a served database, and keeps the transaction open until it is killed.
// Prints its id. Arguments: ADDRESS DATABASE KEY VALUE LEASE_MS
import { RemoteAdministration } from '@pamina/client';
import { nodeEnv } from '@pamina/env';

const [address = '', database = '', key = '', value = '', leaseMs = '1000'] = process.argv.slice(2);
const env = nodeEnv();
const { transactions } = new RemoteAdministration({ env, address });
const { id } = await transactions.begin(database, { leaseMs: Number(leaseMs) });
await transactions.put(database, id, key, value);
console.log(id);
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
for (;;) {
  await transactions.renew(database, id);
  await env.clock.sleep(Number(leaseMs) / 4);
}
