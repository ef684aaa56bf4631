import { type Fields, fieldsOf, isRecord } from "../../json.ts";
import { startOfText } from "../../text.ts";
import type { ServerInfo } from "./codec.ts";

/** Maximum length of a text with which a server describes itself, in UTF-16 code units; its session keeps the text. */
const MAX_INFO_LENGTH = 4096;

/**
 * Reads how a server describes itself.
 *
 * @param answer The members of the answer that opens a connection.
 */
export function readInfo(
  { capabilities, instructions, serverInfo }: Fields,
): Omit<ServerInfo, "revision"> {
  const declared = fieldsOf(capabilities);
  const { tools: taskTools } = fieldsOf(fieldsOf(declared.tasks).requests);
  const { title, name, version } = fieldsOf(serverInfo);
  return {
    hasTools: "tools" in declared,
    hasResources: "resources" in declared,
    hasPrompts: "prompts" in declared,
    hasCompletions: "completions" in declared,
    canSubscribe: fieldsOf(declared.resources).subscribe === true,
    hasLogging: "logging" in declared,
    hasTasks: isRecord(fieldsOf(taskTools).call),
    ...(typeof instructions === "string" &&
      { instructions: startOfText(instructions, MAX_INFO_LENGTH) }),
    ...(typeof title === "string" && { title: startOfText(title, MAX_INFO_LENGTH) }),
    ...(typeof name === "string" && { name: startOfText(name, MAX_INFO_LENGTH) }),
    ...(typeof version === "string" && { version: startOfText(version, MAX_INFO_LENGTH) }),
  };
}
