import { readAnswersAtOnce } from "../e2e/peak_memory.ts";

Deno.test({
  name:
    "[memory.answers] event streams of a remote server at the same time take at most the server's share of the memory",
  ignore: Deno.build.os !== "linux",
  fn: () => readAnswersAtOnce("text/event-stream"),
});
