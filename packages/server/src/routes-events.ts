// The events of a database as they happen (text/event-stream): its job log, from where the reader was cut off, and the
// changes of its state.

import { isPaminaError, PaminaError, toPaminaError } from '@pamina/format';
import { nameParameters } from '@pamina/wire';
import type { FastifyInstance } from 'fastify';
import { EventStream } from './event-stream.js';
import { admittedAnswer } from './kept-admission.js';
import type { Named, RouteContext } from './route-context.js';

/** Streams that are open at the same time, of all databases. */
const streamsMax = 256;

export function eventRoutes(
  app: FastifyInstance,
  context: RouteContext,
  draining: AbortSignal,
): void {
  const { clock, served } = context;
  let open = 0;
  app.get<Named>(
    '/databases/:name/events',
    // As the job log itself.
    { config: { role: 'admin' }, schema: { params: nameParameters } },
    async (request, reply) => {
      const { headers, params } = request;
      const { name } = params;
      if (open >= streamsMax) {
        throw new PaminaError('EVENTS_FULL', `${open} streams of events are open`);
      }
      open += 1;
      reply.raw.once('close', () => {
        open -= 1;
      });
      const after = headers['last-event-id'];
      if (Array.isArray(after)) throw new PaminaError('REQUEST_INVALID', 'two Last-Event-IDs');
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort(new PaminaError('ABORTED', 'the client went away')));
      const asked = { database: name, role: 'admin' } as const;
      const refused = admittedAnswer(context, request, reply, asked);
      const signal = AbortSignal.any([gone.signal, draining, refused]);
      // What is wrong with the request is found before the stream begins.
      const events = await served.operations.events(name, { after, signal });
      reply.hijack();
      const stream = new EventStream(reply.raw, clock);
      try {
        for await (const event of events) await stream.send(event);
        refused.throwIfAborted();
        stream.end('stopping', 'the server is being stopped');
      } catch (error) {
        const failure = toPaminaError(error);
        const reason = isPaminaError(failure, 'BACKLOG_FULL') ? 'dropped' : 'failed';
        stream.end(refused.aborted ? 'refused' : reason, `${failure.code}: ${failure.message}`);
      }
    },
  );
}
