import { waitUntil } from "./wait.ts";

/** A span in OTLP's JSON encoding, with its attributes as an object. */
export interface ReceivedSpan {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly status?: { readonly code?: number };
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** OTLP numbers of the span kinds. */
export const SPAN_KIND = { internal: 1, server: 2, client: 3 } as const;

/** OTLP number of the span status "error". */
export const STATUS_ERROR = 2;

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface TraceExport {
  readonly resourceSpans?: {
    readonly scopeSpans: {
      readonly scope?: { readonly name?: string };
      readonly spans: (Omit<ReceivedSpan, "attributes"> & { attributes?: Attribute[] })[];
    }[];
  }[];
}

/** An OTLP receiver on loopback that records what a program exports. */
export class OtlpReceiver implements AsyncDisposable {
  /** The gateway's spans so far, without those that Deno itself creates. */
  readonly spans: ReceivedSpan[] = [];
  /** Bodies of all requests so far, including spans of Deno itself. */
  receivedText = "";
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Starts to listen on a free port. */
  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, async (request) => {
      const text = await request.text();
      this.receivedText += text;
      if (new URL(request.url).pathname === "/v1/traces") this.#addSpans(JSON.parse(text));
      return Response.json({});
    });
  }

  /** Environment variables that make a Deno program export to this receiver. */
  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_BSP_SCHEDULE_DELAY: "100",
      NO_PROXY: "127.0.0.1",
    };
  }

  /** Waits for a span with this name that matches. */
  waitForSpan(
    name: string,
    matches: (span: ReceivedSpan) => boolean = () => true,
  ): Promise<ReceivedSpan> {
    return waitUntil(`a span ${name}`, () => {
      return this.spans.find((span) => span.name === name && matches(span));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  #addSpans({ resourceSpans = [] }: TraceExport): void {
    for (const { scope, spans } of resourceSpans.flatMap(({ scopeSpans }) => scopeSpans)) {
      if (scope?.name !== "agent-mcp-gateway") continue;
      this.spans.push(
        ...spans.map((span) => ({ ...span, attributes: readAttributes(span.attributes) })),
      );
    }
  }
}

/** Converts OTLP attributes to an object; unwraps values such as `{ stringValue: "x" }`. */
function readAttributes(attributes: readonly Attribute[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
