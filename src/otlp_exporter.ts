/**
 * Exports spans over OTLP from a compiled executable. Deno's own exporter does not work there:
 * `OTEL_DENO` is read when an executable is compiled, not when it starts.
 *
 * This file is loaded only for traces, so that a start without traces does not load its packages.
 *
 * @see {@link https://github.com/denoland/deno/issues/28839}
 * @module
 */
import { trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

/**
 * Makes all tracers export spans to the endpoint in the `OTEL_EXPORTER_OTLP_*` variables.
 *
 * @returns A function that exports the remaining spans and shuts down.
 */
export function exportSpans(): () => Promise<void> {
  const namedResource = resourceFromAttributes({ "service.name": "agent-mcp-gateway" });
  const provider = new TracerProvider({
    resource: namedResource.merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter(),
        scheduledDelayMillis: Number(Deno.env.get("OTEL_BSP_SCHEDULE_DELAY")) || 5000,
      }),
    ],
  });
  trace.setGlobalTracerProvider(provider);
  return () => provider.shutdown();
}
