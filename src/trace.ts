/**
 * Traces of operations, through the OpenTelemetry API, exported where `OTEL_DENO=true`: by Deno, or
 * in a compiled executable by the OpenTelemetry SDK. Otherwise neither is loaded, and spans do
 * nothing. A leaf.
 *
 * @module
 */
import type * as api from "@opentelemetry/api";
import { within } from "./within.ts";

/** Values that describe a span, under the names of the semantic conventions. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** How a span is begun. */
export interface SpanOptions {
  /** Whether it is the receiving side of a request, the sending side, or neither. */
  readonly kind?: "server" | "client";
  /** What is known of it when it begins. */
  readonly attributes?: SpanAttributes;
}

/** `_meta` of a message, which carries the W3C trace context in MCP. */
export type Meta = Readonly<Record<string, unknown>>;

/** A piece of work within a trace. */
export interface Span {
  /** Begins a piece of work within this one. */
  child(name: string, options?: SpanOptions): Span;
  /** Adds what has become known. */
  set(attributes: SpanAttributes): void;
  /** Marks it as failed, with a code or a class of error. */
  fail(errorType: string): void;
  /** The work is done. */
  end(): void;
  /** The `_meta` to send along, so that the other side can continue the trace. */
  carry(meta: Meta | undefined): Meta | undefined;
}

/** Begins traces. */
export interface Tracer {
  /** Begins a span, continuing the trace that `_meta` carries. */
  start(name: string, meta: Meta | undefined, options?: SpanOptions): Span;
  /** Exports the spans that are left, within half a second. Never rejects. */
  close(): Promise<void>;
}

/** How long the last export may hold up the end of the program, in milliseconds. */
const LAST_EXPORT_MS = 500;

/** Does nothing; its `_meta` is what it is given. */
export const NO_SPAN: Span = {
  child: () => NO_SPAN,
  set: () => {},
  fail: () => {},
  end: () => {},
  carry: (meta) => meta,
};

/** Does nothing, and passes on the trace context as it came. */
export const NO_TRACER: Tracer = { start: () => NO_SPAN, close: () => Promise.resolve() };

/**
 * Makes the tracer that the environment asks for.
 *
 * @param isOn Whether spans are exported, which `OTEL_DENO` says.
 * @param version The gateway's version.
 * @see {@link https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/}
 */
export async function loadTracer(isOn: boolean, version: string): Promise<Tracer> {
  if (!isOn) return NO_TRACER;
  const otel = await import("@opentelemetry/api");
  const close = Deno.build.standalone
    ? (await import("./otlp_exporter.ts")).exportSpans()
    // Deno exports the rest by itself when it ends.
    : NO_TRACER.close;
  const tracer = otel.trace.getTracer("agent-mcp-gateway", version);
  return {
    start: (name, meta, options) => {
      const remote = readContext(meta ?? {}, otel);
      const parent = remote === undefined
        ? otel.ROOT_CONTEXT
        : otel.trace.setSpanContext(otel.ROOT_CONTEXT, remote);
      return new LiveSpan(otel, tracer, { name, parent, state: remote?.traceState, options });
    },
    // A receiver that does not answer is no failure of the gateway.
    close: async () => void await within(close(), LAST_EXPORT_MS),
  };
}

type Otel = typeof api;

class LiveSpan implements Span {
  readonly #otel: Otel;
  readonly #tracer: api.Tracer;
  readonly #span: api.Span;
  readonly #context: api.Context;
  readonly #state: api.TraceState | undefined;

  constructor(
    otel: Otel,
    tracer: api.Tracer,
    about: {
      name: string;
      parent: api.Context;
      state: api.TraceState | undefined;
      options: SpanOptions | undefined;
    },
  ) {
    const { kind, attributes } = about.options ?? {};
    const { SpanKind } = otel;
    this.#otel = otel;
    this.#tracer = tracer;
    this.#state = about.state;
    this.#span = tracer.startSpan(about.name, {
      kind: kind === "server"
        ? SpanKind.SERVER
        : kind === "client"
        ? SpanKind.CLIENT
        : SpanKind.INTERNAL,
      ...(attributes === undefined ? {} : { attributes }),
    }, about.parent);
    this.#context = otel.trace.setSpan(about.parent, this.#span);
  }

  child(name: string, options?: SpanOptions): Span {
    return new LiveSpan(this.#otel, this.#tracer, {
      name,
      parent: this.#context,
      state: this.#state,
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

  carry(meta: Meta = {}): Meta {
    const { traceId, spanId, traceFlags } = this.#span.spanContext();
    const flags = traceFlags.toString(16).padStart(2, "0");
    // A state that came with a context we did not continue belongs to nothing any more.
    const { tracestate: _, ...rest } = meta;
    const carried = { ...rest, traceparent: `00-${traceId}-${spanId}-${flags}` };
    // Deno's own spans forget the state that their parent came with.
    const state = this.#state?.serialize();
    return state === undefined || state === "" ? carried : { ...carried, tracestate: state };
  }
}

/** @see {@link https://www.w3.org/TR/trace-context/#traceparent-header} */
function readContext(meta: Meta, otel: Otel): api.SpanContext | undefined {
  const { traceparent, tracestate } = meta;
  if (typeof traceparent !== "string") return undefined;
  const shape = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-|$)/;
  const [, traceId, spanId, flags] = shape.exec(traceparent) ?? [];
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
