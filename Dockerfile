# The image of the cache. It is at the root, where `docker build .` and other tools look for it.
#
#   docker build -t flame-object-cache .                           the server
#   docker build -t flame-executor-manager --target executor-manager .   the example host around it
#
# The image runs with a read-only root file system: only the volume is written to.
ARG NODE_IMAGE=node:22-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build
# The example imports the package by its name, so it runs beside dist without being bundled.
RUN npx esbuild examples/executor-manager.ts --format=esm --outfile=hosts/executor-manager.js

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM ${NODE_IMAGE} AS runtime
# The ids are fixed: volumes keep them, and Kubernetes compares numbers.
RUN groupadd --gid 10001 flame \
  && useradd --uid 10001 --gid flame --no-create-home --home-dir /var/lib/flame-object-cache \
    --shell /usr/sbin/nologin flame \
  && install -d -o flame -g flame -m 0750 /var/lib/flame-object-cache
WORKDIR /opt/flame-object-cache
COPY --from=dependencies /src/node_modules ./node_modules
COPY --from=build /src/package.json ./
COPY --from=build /src/dist ./dist
COPY LICENSE CHANGELOG.md ./
COPY deploy/health-check.mjs ./
COPY deploy/flame-cluster.yaml /etc/flame/flame-cluster.yaml
RUN ln -s /opt/flame-object-cache/dist/cli.js /usr/local/bin/flame-object-cache
# The defaults are in a file and not in variables, because a variable would override a mounted file.
ENV NODE_ENV=production FLAME_HOME=/etc/flame
USER 10001:10001
VOLUME /var/lib/flame-object-cache
EXPOSE 9090 9091
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "/opt/flame-object-cache/health-check.mjs"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="flame-object-cache" \
  org.opencontainers.image.description="An object cache for Apache Arrow over Arrow Flight" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"

FROM runtime AS executor-manager
COPY --from=build /src/hosts/executor-manager.js ./hosts/executor-manager.js
ENTRYPOINT ["node", "/opt/flame-object-cache/hosts/executor-manager.js"]
CMD ["--tasks", "0"]

FROM runtime AS server
ENTRYPOINT ["flame-object-cache"]
CMD ["serve"]
