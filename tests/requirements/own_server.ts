import type { Section } from "../requirements.ts";

/** Section 17 of the promises, the gateway's own server. */
export const OWN_SERVER: Readonly<Record<string, Section>> = {
  "17 The gateway's own server": {
    "own.server":
      "the server gateway is listed, searched, shown directly, decided about and recorded as all servers are, where the rules name it",
    "own.approval-status":
      "approval_status says how an approval of the same agent stands, by whom and why it was denied, and what to do; those of other agents are unknown",
    "own.code":
      "run_code runs the body of an async function in JavaScript or TypeScript, whose calls go through the pipeline as the same agent, for clients of both eras over both transports and by its direct name",
    "own.code-answer":
      "the answer has the returned value and the output; its _meta lists the calls that were made, with the codes of those that failed",
    "own.code-errors":
      "refusals and failures of calls throw errors with their codes; code that fails says why and in which line, and keeps its output; code cannot run code",
    "own.code-records":
      "each call of code is recorded, measured and traced as any call, with the request that ran the code as its parent",
    "own.code-time":
      "code is ended at its time, which does not pass while one of its calls waits for a person",
    "own.code-limits":
      "running code holds no place in limits of concurrent calls, and its calls count as any call",
    "own.code-rules": "each call of code is decided by the rules that are active at its moment",
    "own.code-cancel":
      "code ends with its cancellation and with its client, and with it all calls that it waits for",
    "own.code-approval":
      "a call of code that needs an approval asks the person in the client that runs the code, or at the shell",
    "own.code-asks":
      "servers of both eras ask clients of both eras for input while code calls them",
    "own.code-official":
      "the official clients of both eras show the forms of calls that code makes",
  },
};
