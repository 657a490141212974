// /metrics: complete against the status, well-formed, and only for who may administer.

import { statusAnswer } from '@pamina/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CallFigures } from '../src/call-figures.js';
import { gatherMetrics } from '../src/metrics-gather.js';
import { addStatus } from '../src/metrics-database.js';
import { statusMetrics } from '../src/metrics-table.js';
import { MetricsText } from '../src/metrics-text.js';
import { RequestFigures } from '../src/request-figures.js';
import type { HostServer } from '../src/server.js';
import { ask } from './asking.js';
import { eventually, Workbench } from './workbench.js';

interface Schema {
  readonly type?: string;
  readonly properties?: Record<string, Schema>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** Where numbers stand in a value of this schema; the items of a list by `[]`. */
function numbersIn({ anyOf = [], items, properties = {}, type }: Schema, at = ''): string[] {
  return [
    ...(type === 'number' || type === 'integer' ? [at] : []),
    ...anyOf.flatMap((one) => numbersIn(one, at)),
    ...(items === undefined ? [] : numbersIn(items, `${at}[]`)),
    ...Object.entries(properties).flatMap(([name, of]) =>
      numbersIn(of, at === '' ? name : `${at}.${name}`),
    ),
  ];
}

interface Sample {
  readonly name: string;
  readonly labels: string;
  readonly value: number;
}

/** Fails for a line that is none of the text format. */
function parse(text: string): Sample[] {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  const seen = new Set<string>();
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.trimEnd().split('\n')) {
    const type = /^# TYPE ([a-z_:][a-z0-9_:]*) (counter|gauge|histogram)$/.exec(line);
    if (type !== null) {
      const [, family = '', kind = ''] = type;
      expect(types.has(family), line).toBe(false);
      types.set(family, kind);
    } else if (!/^# HELP [a-z_:][a-z0-9_:]* \S.*$/.test(line)) {
      const label = String.raw`[a-z_]+="(?:[^"\\\n]|\\["\\n])*"`;
      const form = new RegExp(
        String.raw`^([a-z_:][a-z0-9_:]*)(\{${label}(?:,${label})*\})? ([-+]?[0-9.]+(?:e[-+][0-9]+)?|NaN|[-+]Inf)$`,
      );
      const match = form.exec(line);
      expect(match, line).not.toBeNull();
      const [, name = '', labels = '', value = ''] = match ?? [];
      const family = [name, name.replace(/_(?:bucket|sum|count)$/, '')].find((one) =>
        types.has(one),
      );
      expect(family, line).toBeDefined();
      if (types.get(family ?? '') === 'counter') expect(name).toMatch(/_total$/);
      expect(seen.has(name + labels), line).toBe(false);
      seen.add(name + labels);
      samples.push({ name, labels, value: Number(value.replace('Inf', 'Infinity')) });
    }
  }
  return samples;
}

describe('the table of metrics', () => {
  const told = new Set(statusMetrics.map(({ of }) => of));

  it('P9 has every number that a status has', () => {
    const numbers = numbersIn(statusAnswer as unknown as Schema);
    expect(numbers.length).toBeGreaterThan(50);
    expect(numbers.filter((at) => !told.has(at))).toEqual([]);
  });

  it('has names with their units last, counters with _total, and none twice', () => {
    for (const { divisor, labels = {}, name, type } of statusMetrics) {
      expect(name).toMatch(/^pamina_[a-z_]+$/);
      if (divisor !== undefined) expect(name).toMatch(/_seconds(?:_total)?$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      const same = statusMetrics.filter((one) => one.name === name);
      expect(same.length === 1 || labels['place'] !== undefined, name).toBe(true);
    }
  });
});

it('writes what stands in a label or a help escaped, on one line', () => {
  const text = new MetricsText();
  const family = { name: 'a_total', help: 'a\\b\nc', type: 'counter' as const };
  text.add(family, { of: 'x"y\\z\n' }, 1);
  expect(text.text()).toBe(
    '# HELP a_total a\\\\b\\nc\n# TYPE a_total counter\na_total{of="x\\"y\\\\z\\n"} 1\n',
  );
});

it('P13 counts requests by route, however many methods and paths strangers make up', () => {
  const figures = new RequestFigures();
  for (let at = 0; at < 1000; at += 1) figures.note(`METHOD${at}`, '', 404, 0.001);
  figures.note('GET', '/health', 200, 60);
  expect([...figures.routes]).toHaveLength(2);
});

it('P9 a time in ms is told in seconds as it is, not as a product of binary fractions', () => {
  const text = new MetricsText();
  const status = { name: 'cities', type: 'normal', state: 'open', createdAt: 1_796_100_906_768 };
  addStatus(text, status as unknown as Parameters<typeof addStatus>[1]);
  expect(text.text()).toMatch(/ 1796100906\.768\n/);
});

describe('a server', () => {
  let bench: Workbench;
  let server: HostServer;
  const token = 'papageno-papagena-tamino';
  const headers = { authorization: `Bearer ${token}` };

  beforeEach(async () => {
    bench = await Workbench.open();
    server = await bench.server({ token });
  });
  afterEach(() => bench.close());

  const scrape = async (at = server): Promise<Sample[]> => {
    const { headers: got, status, text } = await ask(at, '/metrics', { headers });
    expect(status).toBe(200);
    expect(got['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    return parse(text);
  };
  const valueOf = (samples: Sample[], name: string, ...labels: string[]): number | undefined =>
    samples.find((one) => one.name === name && labels.every((label) => one.labels.includes(label)))
      ?.value;

  it('P14 tells nobody without a token', async () => {
    await server.host.create('secret-name');
    const { status, text } = await ask(server, '/metrics');
    expect(status).toBe(401);
    expect(text).not.toContain('secret-name');
  });

  it('P9 tells each database by its name, masters with their replicas, replicas with their lag', async () => {
    await server.host.create('cities');
    await server.host.put('cities', 'paris', 'FR');
    await server.host.backup('cities');
    const there = await bench.server({ data: 'standby', token });
    await there.host.replicate('copy', { master: 'cities', simultaneousQuery: true });
    const samples = await eventually(scrape, (found) =>
      found.some(({ name, value }) => name === 'pamina_replica_connected' && value === 1),
    );
    expect(valueOf(samples, 'pamina_database_online', 'database="cities"')).toBe(1);
    const status = await server.host.status('cities');
    expect(valueOf(samples, 'pamina_log_segments', 'cities')).toBe(status.log.segments);
    const seq = Number(status.position?.split('/')[1]);
    expect(valueOf(samples, 'pamina_position_seq', 'cities', 'visible')).toBe(seq);
    expect(valueOf(samples, 'pamina_backups', 'cities')).toBe(1);
    expect(valueOf(samples, 'pamina_database_damaged', 'cities')).toBe(0);
    expect(valueOf(samples, 'pamina_database_created_timestamp_seconds', 'cities')).toBe(
      status.createdAt / 1000,
    );
    expect(valueOf(samples, 'pamina_replica_lag_records', 'replica="copy"')).toBeGreaterThan(-1);
    const others = await eventually(
      () => scrape(there),
      (found) => valueOf(found, 'pamina_behind_seconds', 'copy') !== undefined,
    );
    expect(valueOf(others, 'pamina_lag_records', 'copy', 'applied')).toBe(0);
  });

  it('P13 of a database that is offline it says so, and opens nothing', async () => {
    await server.host.create('cities');
    await server.host.stop('cities');
    const samples = await scrape();
    expect(samples.filter(({ labels }) => labels.includes('cities'))).toMatchObject([
      { name: 'pamina_database_online', value: 0 },
      { name: 'pamina_database_info', value: 1 },
    ]);
  });

  it('counts requests and how long they took, by route and not by path', async () => {
    await server.host.create('cities');
    for (let at = 0; at < 3; at += 1) await ask(server, '/v1/databases/cities', { headers });
    await ask(server, '/v1/nothing/at/all', { headers });
    const route = 'route="/v1/databases/:name"';
    const samples = await eventually(
      scrape,
      (found) => valueOf(found, 'pamina_http_requests_total', route, 'status="200"') === 3,
    );
    const bucket = 'pamina_http_request_duration_seconds_bucket';
    expect(valueOf(samples, bucket, route, 'le="+Inf"')).toBe(3);
    expect(valueOf(samples, 'pamina_http_request_duration_seconds_count', route)).toBe(3);
    expect(valueOf(samples, 'pamina_http_request_duration_seconds_sum', route)).toBeGreaterThan(0);
    expect(valueOf(samples, 'pamina_http_requests_total', 'route=""', '"404"')).toBe(1);
    expect(samples.some(({ labels }) => labels.includes('nothing'))).toBe(false);
    expect(valueOf(samples, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
  });

  it('gathers once for who asks at the same time', async () => {
    await server.host.create('cities');
    const [first, ...others] = await Promise.all(
      Array.from({ length: 8 }, () => ask(server, '/metrics', { headers })),
    );
    expect(others.some(({ text }) => text === first?.text)).toBe(true);
  });
});

it('P9 one database that fails, in whatever words, keeps none of the others from being told', async () => {
  const bench = await Workbench.open();
  try {
    const { host } = await bench.server();
    for (const name of ['bad', 'good']) await host.create(name);
    const served = new Proxy(host, {
      get: (target, property) =>
        property === 'status'
          ? (name: string) =>
              name === 'bad'
                ? Promise.reject(new RangeError('no error of Pamina'))
                : host.status(name)
          : property === 'replicas'
            ? (name: string) => host.replicas(name)
            : (Reflect.get(target, property, target) as unknown),
    });
    const text = await gatherMetrics(served, {
      figures: new RequestFigures(),
      callFigures: new CallFigures(),
      startedAt: 0,
    });
    expect(text).toContain('pamina_database_online{database="bad"} 0');
    expect(text).toContain('pamina_database_online{database="good"} 1');
  } finally {
    await bench.close();
  }
});
