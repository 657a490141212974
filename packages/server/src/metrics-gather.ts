// Gathers what /metrics tells, database by database.

import { version } from '@pamina/engine';
import type { CallFigures } from './call-figures.js';
import { addOffline, addReplicas, addStatus } from './metrics-database.js';
import { addCalls, addProcess, addRequests } from './metrics-process.js';
import { MetricsText } from './metrics-text.js';
import type { RequestFigures } from './request-figures.js';
import type { RouteContext } from './route-context.js';

export interface MetricsSource {
  readonly figures: RequestFigures;
  readonly callFigures: CallFigures;
  /** ms since 1970 */
  readonly startedAt: number;
}

export async function gatherMetrics(
  served: RouteContext['served'],
  source: MetricsSource,
): Promise<string> {
  const text = new MetricsText();
  addProcess(text, { version, startedAt: source.startedAt });
  for (const name of (await served.operations.names()).sort()) {
    await addDatabase(text, served, name);
  }
  addRequests(text, source.figures);
  addCalls(text, source.callFigures);
  return text.text();
}

/** One that is offline is not opened to be asked. */
async function addDatabase(
  text: MetricsText,
  served: RouteContext['served'],
  name: string,
): Promise<void> {
  const { online, state } = served.operations.condition(name);
  if (!online) return addOffline(text, name, state);
  const [status, replicas] = await Promise.allSettled([served.status(name), served.replicas(name)]);
  if (status.status === 'rejected' || replicas.status === 'rejected') {
    // It went offline meanwhile, or its disk fails, in whatever words: that is told, and the others are.
    return addOffline(text, name, served.operations.condition(name).state);
  }
  addStatus(text, status.value);
  addReplicas(text, name, replicas.value);
}
