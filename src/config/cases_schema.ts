import * as z from "zod/mini";
import { EFFECTS } from "./rules.ts";
import {
  anySchema,
  enumSchema,
  listSchema,
  objectSchema,
  recordSchema,
  stringSchema,
} from "./schema_parts.ts";

const policyCase = objectSchema({
  agent: stringSchema("The id of the agent."),
  server: stringSchema("The name of the server."),
  tool: z.optional(stringSchema("The name of the tool.")),
  resource: z.optional(stringSchema("The URI of a resource, in place of `tool`.")),
  prompt: z.optional(stringSchema("The server's name of a prompt, in place of `tool`.")),
  args: z.optional(
    recordSchema(anySchema("Any JSON value."), {
      plural: "arguments",
      brief: "The arguments of the call.",
    }),
  ),
  expect: enumSchema(EFFECTS, "What the rules have to decide."),
  rule: z.optional(
    stringSchema("The path of the entry that has to decide, as `explain` prints it."),
  ),
}, "A question to the rules, and the decision that they have to make.");

/** The schema of the file with cases that `test` decides. */
export const casesSchema = objectSchema({
  $schema: z.optional(stringSchema("Address of the JSON Schema of this file.")),
  cases: listSchema(policyCase, { plural: "cases", brief: "The cases." }),
}, "Cases, each with the decision that the rules have to make.");
