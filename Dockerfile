# The pamina command in an image. Built from the top of the repository:
#   docker build --tag pamina .
#   docker run --init --volume pamina:/data --volume ./secrets:/run/secrets:ro --publish 7474:7474 pamina
# ./secrets has pamina-token, pamina-cert.pem and pamina-key.pem.
# packages/server/docs/operations.md says more.

FROM node:20-bookworm-slim AS build
WORKDIR /source
COPY .npmrc package.json package-lock.json tsconfig.base.json tsconfig.json ./
COPY README.md LICENSE CHANGELOG.md ./
COPY packages packages
COPY scripts scripts
RUN npm ci
RUN npm run build

# What the published package needs at run time, of the versions in the lock file.
FROM node:20-bookworm-slim AS dependencies
WORKDIR /source
COPY .npmrc package.json package-lock.json ./
COPY packages packages
RUN npm ci --omit=dev --workspace pamina && rm -rf node_modules/@pamina node_modules/pamina

FROM node:20-bookworm-slim
COPY --from=dependencies /source/node_modules /opt/pamina/node_modules
COPY --from=dependencies /source/packages/pamina/node_modules /opt/pamina/packages/pamina/node_modules
COPY --from=build /source/packages/pamina/package.json /opt/pamina/packages/pamina/package.json
COPY --from=build /source/packages/pamina/dist /opt/pamina/packages/pamina/dist
RUN chmod 755 /opt/pamina/packages/pamina/dist/command.js \
  && ln -s /opt/pamina/packages/pamina/dist/command.js /usr/local/bin/pamina \
  && mkdir /data && chown node:node /data && chmod 700 /data
USER node
ENV PAMINA_DATA=/data
VOLUME /data
WORKDIR /data
EXPOSE 7474
# Whether the process serves; for one database: /health?database=NAME&type=master
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "const get = (scheme) => new Promise((resolve, reject) => require('node:' + scheme).get(scheme + '://127.0.0.1:7474/health', { rejectUnauthorized: false }, (answer) => resolve(answer.statusCode)).on('error', reject)); get('https').catch(() => get('http')).then((status) => process.exit(status === 200 ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["pamina"]
# Without TLS only who says so: for the networks of an engine, or behind a proxy, give the words of CMD behind the name
# of the image with --insecure instead of the two of TLS.
# `docker stop` waits 10 seconds: give it more (--stop-timeout of docker run) when transactions may be longer.
CMD ["serve", "--listen", "0.0.0.0:7474", "--token-file", "/run/secrets/pamina-token", "--tls-cert", "/run/secrets/pamina-cert.pem", "--tls-key", "/run/secrets/pamina-key.pem", "--stop-timeout", "8", "--log-level", "info"]
