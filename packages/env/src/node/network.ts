// Sockets by `ws` and node:http, with the limits that network.ts states.

import { hostname } from 'node:os';
import type { Network } from '../network.js';
import { connect } from './connect.js';
import { NodeHttpListener } from './http-listener.js';
import { request } from './request.js';

export const nodeNetwork: Network = {
  connect,
  request,
  createHttpServer: (options) => new NodeHttpListener(options),
  hostName: () => hostname(),
};
