// A database's status as samples: what the table of metrics says of each figure.

import type { DatabaseState, DatabaseStatus, ReplicaSummary } from '@pamina/wire';
import { type StatusMetric, statusMetrics } from './metrics-table.js';
import type { Labels, MetricFamily, MetricsText } from './metrics-text.js';

const gauge = (name: string, help: string): MetricFamily => ({
  name: `pamina_${name}`,
  help,
  type: 'gauge',
});
const info = gauge('database_info', 'Type and state of a database; always 1.');
const replicaConnected = gauge('replica_connected', 'Whether a replica is connected here.');
const replicaSeen = gauge('replica_seen_timestamp_seconds', 'When it was heard of last.');
const replicaLag = {
  records: gauge('replica_lag_records', 'Records that a replica is behind this database.'),
  bytes: gauge('replica_lag_bytes', 'Bytes that a replica is behind this database.'),
  seconds: gauge('replica_lag_seconds', 'Seconds that a replica is behind this database.'),
};
const places = ['received', 'durable', 'applied'] as const;
const units = ['records', 'bytes', 'seconds'] as const;

/** Of one that is not online there is nothing but that. */
export function addOffline(into: MetricsText, database: string, state: DatabaseState): void {
  const [online] = statusMetrics;
  if (online !== undefined) into.add(online, { database }, 0);
  into.add(info, { database, type: '', state }, 1);
}

export function addStatus(into: MetricsText, status: DatabaseStatus): void {
  const { name: database, state, type } = status;
  for (const metric of statusMetrics) addMetric(into, metric, status, { database });
  into.add(info, { database, type, state }, 1);
}

function addMetric(into: MetricsText, metric: StatusMetric, status: object, labels: Labels): void {
  const all = { ...labels, ...metric.labels };
  if (metric.label === undefined) {
    addValue(into, metric, all, valuesAt(status, metric.of.split('.')));
    return;
  }
  const [list = '', ...rest] = metric.of.split('[]');
  const [name, field] = metric.label;
  for (const item of valuesAt(status, list.split('.')).flat()) {
    const value = (item as Record<string, unknown>)[field];
    const path = rest.join('[]').replace(/^\./, '').split('.');
    addValue(into, metric, { ...all, [name]: String(value) }, valuesAt(item, path));
  }
}

function addValue(
  into: MetricsText,
  metric: StatusMetric,
  labels: Labels,
  values: readonly unknown[],
): void {
  const value = folded(values, metric.fold) ?? metric.absent ?? null;
  if (value !== null) into.add(metric, labels, value / (metric.divisor ?? 1));
}

/** What is not known has no sample. Of several the last one counts if nothing else is said. */
function folded(values: readonly unknown[], fold: StatusMetric['fold']): number | null {
  const all = values.flat();
  if (fold === 'count') return values.some(Array.isArray) ? all.length : null;
  const numbers = all.map(numberOf).filter((value) => value !== null);
  if (fold === 'sum') return numbers.reduce((sum, value) => sum + value, 0);
  if (values.some(Array.isArray)) return all.length;
  return numbers.at(-1) ?? null;
}

function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string') return seqOf(value);
  // A part that is there or not.
  return value === null || value === undefined ? null : 1;
}

/** Of a position such as 1/48213. */
function seqOf(text: string): number | null {
  const seq = /^[0-9]+\/([0-9]+)$/.exec(text)?.[1];
  return seq === undefined ? null : Number(seq);
}

/** Along a path, into every item of a list that is marked so. */
function valuesAt(value: unknown, path: readonly string[]): unknown[] {
  const [step, ...rest] = path;
  if (step === undefined || step === '') return [value];
  if (typeof value !== 'object' || value === null) return [];
  const isList = step.endsWith('[]');
  const found = (value as Record<string, unknown>)[isList ? step.slice(0, -2) : step];
  if (found === undefined || found === null) return [];
  if (!isList) return valuesAt(found, rest);
  return (found as unknown[]).flatMap((item) => valuesAt(item, rest));
}

export function addReplicas(
  into: MetricsText,
  database: string,
  replicas: readonly ReplicaSummary[],
): void {
  for (const { connected, lag, name: replica, seenAt } of replicas) {
    const labels = { database, replica };
    into.add(replicaConnected, labels, connected ? 1 : 0);
    if (seenAt !== null) into.add(replicaSeen, labels, seenAt / 1000);
    for (const place of places) {
      for (const unit of units) {
        const value = lag[place][unit];
        if (value !== null) into.add(replicaLag[unit], { ...labels, place }, value);
      }
    }
  }
}
