import { checkEntries } from "./check_entries.ts";
import { checkRules as checkRulesBeyondSchema } from "./check_rules.ts";
import { checkDocument } from "./check_document.ts";
import { parseDocument } from "./document.ts";
import type { FileChecks } from "./file_checks.ts";
import { findForeignFormat, findSwappedFile } from "./other_clients.ts";
import { rulesSchema } from "./rules_schema.ts";
import { serversSchema } from "./servers_schema.ts";

/** Finds every problem and its position. A start with valid files does not load this module. */
export const diagnosticChecks: FileChecks = {
  parse: parseDocument,
  checkServers(document) {
    // For another client's file, the schema would only report that `mcpServers` is missing.
    const formatProblem = findSwappedFile("servers", document) ?? findForeignFormat(document);
    if (formatProblem !== undefined) return { problems: [formatProblem] };
    return checkDocument(document, {
      schema: serversSchema,
      checkBeyondSchema: checkEntries,
    });
  },
  checkRules(document) {
    const swappedFileProblem = findSwappedFile("rules", document);
    if (swappedFileProblem !== undefined) return { problems: [swappedFileProblem] };
    return checkDocument(document, {
      schema: rulesSchema,
      checkBeyondSchema: checkRulesBeyondSchema,
    });
  },
};
