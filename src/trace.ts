/**
 * Traces operations. If `OTEL_DENO=true`, the OpenTelemetry API is loaded and the spans are exported: by Deno,
 * or in a compiled executable by the OpenTelemetry SDK. Otherwise, spans do nothing. A leaf: imports other
 * leaves only.
 *
 * @module
 */
import type * as api from "@opentelemetry/api";
import { within } from "./within.ts";

/** Attributes of a span, named by the semantic conventions. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** Options of a span. */
export interface SpanOptions {
  /** Whether the span is the receiving or the sending side of a request; default: neither. */
  readonly kind?: "server" | "client";
  /** Attributes that are known at the start. */
  readonly attributes?: SpanAttributes;
}

/** The `_meta` of a message, which contains the W3C trace context in MCP. */
export type Meta = Readonly<Record<string, unknown>>;

/** A span of a trace. */
export interface Span {
  /** Starts a child span. */
  child(name: string, options?: SpanOptions): Span;
  /** Adds attributes. */
  set(attributes: SpanAttributes): void;
  /** Marks the span as failed, with an error code or the name of an error class. */
  fail(errorType: string): void;
  /** Ends the span. */
  end(): void;
  /** Returns `_meta` with the trace context, so that the other side can continue the trace. */
  addTraceContext(meta: Meta | undefined): Meta | undefined;
}

/** Starts spans. */
export interface Tracer {
  /** Starts a span that continues the trace in `_meta`. */
  start(name: string, meta: Meta | undefined, options?: SpanOptions): Span;
  /** Exports the remaining spans, within half a second. Never rejects. */
  close(): Promise<void>;
}

/** Maximum time that the last export may delay the end of the program, in milliseconds. */
const LAST_EXPORT_MS = 500;

/** A span that does nothing and leaves `_meta` unchanged. */
export const NO_SPAN: Span = {
  child: () => NO_SPAN,
  set: () => {},
  fail: () => {},
  end: () => {},
  addTraceContext: (meta) => meta,
};

/** A tracer that does nothing; the trace context is passed on unchanged. */
export const NO_TRACER: Tracer = { start: () => NO_SPAN, close: () => Promise.resolve() };

/**
 * Creates a tracer.
 *
 * @param isEnabled Whether spans are exported, as set by `OTEL_DENO`.
 * @param version The gateway's version.
 * @see {@link https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/}
 */
export async function loadTracer(isEnabled: boolean, version: string): Promise<Tracer> {
  if (!isEnabled) return NO_TRACER;
  const otel = await import("@opentelemetry/api");
  const close = Deno.build.standalone
    ? (await import("./otlp_exporter.ts")).exportSpans()
    // Deno itself exports the remaining spans when it ends.
    : NO_TRACER.close;
  const tracer = otel.trace.getTracer("agent-mcp-gateway", version);
  return {
    start: (name, meta, options) => {
      const callerContext = readContext(meta ?? {}, otel);
      const parent = callerContext === undefined
        ? otel.ROOT_CONTEXT
        : otel.trace.setSpanContext(otel.ROOT_CONTEXT, callerContext);
      const state = callerContext?.traceState;
      return new LiveSpan(otel, tracer, { name, parent, state, options });
    },
    // A collector that does not answer is not a failure of the gateway.
    close: async () => void await within(close(), LAST_EXPORT_MS),
  };
}

type Otel = typeof api;

class LiveSpan implements Span {
  readonly #otel: Otel;
  readonly #tracer: api.Tracer;
  readonly #span: api.Span;
  readonly #context: api.Context;
  readonly #traceState: api.TraceState | undefined;

  constructor(
    otel: Otel,
    tracer: api.Tracer,
    start: {
      name: string;
      parent: api.Context;
      state: api.TraceState | undefined;
      options: SpanOptions | undefined;
    },
  ) {
    const { kind, attributes } = start.options ?? {};
    const { SpanKind } = otel;
    const spanKinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT };
    this.#otel = otel;
    this.#tracer = tracer;
    this.#traceState = start.state;
    this.#span = tracer.startSpan(start.name, {
      kind: kind === undefined ? SpanKind.INTERNAL : spanKinds[kind],
      ...(attributes === undefined ? {} : { attributes }),
    }, start.parent);
    this.#context = otel.trace.setSpan(start.parent, this.#span);
  }

  child(name: string, options?: SpanOptions): Span {
    return new LiveSpan(this.#otel, this.#tracer, {
      name,
      parent: this.#context,
      state: this.#traceState,
      options,
    });
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(attributes);
  }

  fail(errorType: string): void {
    this.#span.setAttribute("error.type", errorType);
    this.#span.setStatus({ code: this.#otel.SpanStatusCode.ERROR });
  }

  end(): void {
    this.#span.end();
  }

  addTraceContext(meta: Meta = {}): Meta {
    const { traceId, spanId, traceFlags } = this.#span.spanContext();
    const flags = traceFlags.toString(16).padStart(2, "0");
    // The received `tracestate` is dropped, because it may belong to a context that this span does not continue.
    const { tracestate: _, ...otherFields } = meta;
    const carriedMeta = { ...otherFields, traceparent: `00-${traceId}-${spanId}-${flags}` };
    // Deno's own spans lose the trace state of their parent.
    const state = this.#traceState?.serialize();
    return state === undefined || state === ""
      ? carriedMeta
      : { ...carriedMeta, tracestate: state };
  }
}

/** @see {@link https://www.w3.org/TR/trace-context/#traceparent-header} */
function readContext(meta: Meta, otel: Otel): api.SpanContext | undefined {
  const { traceparent, tracestate } = meta;
  if (typeof traceparent !== "string") return undefined;
  const pattern = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-|$)/;
  const [, traceId, spanId, flags] = pattern.exec(traceparent) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const context: api.SpanContext = {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(typeof tracestate === "string" ? { traceState: otel.createTraceState(tracestate) } : {}),
  };
  return otel.isSpanContextValid(context) ? context : undefined;
}
