// Gathers what /metrics tells, database by database.

import { version } from '@pamina/engine';
import { isPaminaError } from '@pamina/format';
import { addOffline, addReplicas, addStatus } from './metrics-database.js';
import { addProcess, addRequests } from './metrics-process.js';
import { MetricsText } from './metrics-text.js';
import type { RequestFigures } from './request-figures.js';
import type { RouteContext } from './route-context.js';

export interface MetricsSource {
  readonly figures: RequestFigures;
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
  try {
    const status = await served.status(name);
    const replicas = await served.replicas(name);
    addStatus(text, status);
    addReplicas(text, name, replicas);
  } catch (error) {
    // It went offline meanwhile, or its disk fails: that is told, and the others are.
    if (!isPaminaError(error)) throw error;
    addOffline(text, name, served.operations.condition(name).state);
  }
}
