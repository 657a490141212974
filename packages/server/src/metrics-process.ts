// What /metrics tells of the process and of its requests, under the names that dashboards know.

import type { CallFigures } from './call-figures.js';
import type { Labels, MetricFamily, MetricsText, MetricType } from './metrics-text.js';
import { durationBuckets, type RequestFigures } from './request-figures.js';

function family(name: string, help: string, type: MetricType = 'gauge'): MetricFamily {
  return { name, help, type };
}

const build = family('pamina_build_info', 'Versions; always 1.');
const started = family('process_start_time_seconds', 'When the server started.');
const cpu = family('process_cpu_seconds_total', 'Processor time.', 'counter');
const resident = family('process_resident_memory_bytes', 'Resident memory.');
const heap = family('nodejs_heap_size_used_bytes', 'Heap of JavaScript in use.');
const heapTotal = family('nodejs_heap_size_total_bytes', 'Heap of JavaScript.');
const external = family('nodejs_external_memory_bytes', 'Memory of buffers.');
const underWay = family('pamina_http_requests_under_way', 'Requests that are not answered yet.');
const requests = family('pamina_http_requests_total', 'Requests by route and status.', 'counter');
const durations = family(
  'pamina_http_request_duration_seconds',
  'How long requests took, to the end of their answers.',
  'histogram',
);

const connections = family('pamina_calls_connections', 'Connections of clients with calls.');
const calls = family('pamina_calls_total', 'Calls of clients by verb and outcome.', 'counter');

export function addProcess(
  into: MetricsText,
  { startedAt, version }: { readonly startedAt: number; readonly version: string },
): void {
  const { external: buffers, heapTotal: total, heapUsed, rss } = process.memoryUsage();
  const { system, user } = process.cpuUsage();
  into.add(build, { version, node: process.version }, 1);
  into.add(started, {}, startedAt / 1000);
  into.add(cpu, {}, (system + user) / 1_000_000);
  into.add(resident, {}, rss);
  into.add(heap, {}, heapUsed);
  into.add(heapTotal, {}, total);
  into.add(external, {}, buffers);
}

export function addCalls(into: MetricsText, figures: CallFigures): void {
  into.add(connections, {}, figures.connections);
  for (const { answered, failed, verb } of figures.counts) {
    into.add(calls, { verb, outcome: 'answered' }, answered);
    into.add(calls, { verb, outcome: 'failed' }, failed);
  }
}

export function addRequests(into: MetricsText, figures: RequestFigures): void {
  into.add(underWay, {}, figures.underWay);
  for (const { byDuration, byStatus, method, route, seconds } of figures.routes) {
    const labels: Labels = { method, route };
    for (const [status, count] of byStatus) {
      into.add(requests, { ...labels, status: String(status) }, count);
    }
    let count = 0;
    for (const [at, more] of byDuration.entries()) {
      count += more;
      const le = String(durationBuckets[at] ?? '+Inf');
      into.add(durations, { ...labels, le }, count, '_bucket');
    }
    into.add(durations, labels, seconds, '_sum');
    into.add(durations, labels, count, '_count');
  }
}
