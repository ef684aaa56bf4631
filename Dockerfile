# The gateway as an HTTP service. docs/deployment.md describes how to run this image, and how to build
# one on it that has npx or uvx.

FROM node:24-trixie-slim AS build
# Deno comes from npm; the package for this platform contains one executable.
RUN npm install --prefix /opt/npm --ignore-scripts --no-audit --no-fund deno@2.9.6 \
  && mv /opt/npm/node_modules/@deno/linux-*-glibc/deno /usr/local/bin/deno \
  && chmod 755 /usr/local/bin/deno
WORKDIR /build
COPY deno.json deno.lock ./
COPY scripts scripts
COPY src src
COPY config/rules.schema.json config/servers.schema.json config/
RUN deno task bundle
# The command runs the bundle with the permissions in deno.json.
RUN deno run --no-prompt scripts/image_command.ts /opt/agent-mcp-gateway/agent-mcp-gateway.js \
    > dist/agent-mcp-gateway \
  && chmod 755 dist/agent-mcp-gateway

FROM debian:trixie-slim
# tini reaps the processes that servers leave behind; nothing else in the container does. With -s it
# also does so if it is not process 1, because the container engine has its own init.
RUN apt-get update \
  && apt-get install -y --no-install-recommends tini \
  && rm -rf /var/lib/apt/lists/* \
  && groupadd --gid 10001 gateway \
  && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /bin/sh gateway \
  && install -d -m 755 -o gateway -g gateway /config /data
COPY --from=build /usr/local/bin/deno /usr/local/bin/deno
COPY --from=build /build/dist/agent-mcp-gateway /usr/local/bin/agent-mcp-gateway
COPY --from=build /build/dist/agent-mcp-gateway.js /build/dist/agent-mcp-gateway-sandbox.js \
    /build/scripts/image_health.ts /opt/agent-mcp-gateway/
ENV HOME=/data \
  DENO_NO_UPDATE_CHECK=1 \
  GATEWAY_MCP_CONFIG=/config/.mcp.json \
  GATEWAY_RULES=/config/.mcp-gateway-rules.json \
  GATEWAY_TRANSPORT=http \
  GATEWAY_HOST=0.0.0.0 \
  GATEWAY_PORT=8080 \
  GATEWAY_LOG_LEVEL=info \
  GATEWAY_AUDIT_LOG=/data/audit.jsonl
# Kubernetes can verify by a number, but not by a name, that the user is not root.
USER 10001:10001
WORKDIR /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# The check ignores certificate errors, because the TLS certificate need not name the address that the
# check uses.
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s --retries=3 \
  CMD ["deno", "run", "--no-prompt", "--no-config", "--no-lock", "--allow-env", "--allow-net", \
       "--unsafely-ignore-certificate-errors", "/opt/agent-mcp-gateway/image_health.ts"]
ENTRYPOINT ["tini", "-s", "--", "agent-mcp-gateway"]
