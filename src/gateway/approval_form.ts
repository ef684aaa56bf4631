/** The form in which a client asks a person for the approval of a call. */

import { type CallToApprove, formatArguments, formatName } from "../approvals/mod.ts";
import type { ClientChannel, InputRequest, InputResponse } from "../downstream/mod.ts";
import { fieldsOf } from "../json.ts";
import { Cancellation, type CancelSignal } from "../jsonrpc/mod.ts";

/** Maximum length of the arguments in a form, in UTF-16 code units: clients have little room for them. */
const MAX_FORM_LENGTH = 16 * 1024;

/** The answer to a form: `none` if the client could not show it. */
export type FormAnswer = "once" | "session" | "deny" | "dismissed" | "none";

/** A form that the client was asked to show. */
export interface OpenForm {
  /** The answer; `none` if the form was withdrawn. Never rejects. */
  readonly answer: Promise<FormAnswer>;
  /** Withdraws the form, because it is not needed any more. */
  withdraw(): void;
}

/**
 * Creates the form for a call; returns `undefined` if its arguments are too long for a form.
 *
 * @param options Whether the tool can be allowed for the rest of the connection.
 */
export function createApprovalForm(
  { agent, server, tool, args }: CallToApprove,
  { offersSession }: { readonly offersSession: boolean },
): InputRequest | undefined {
  const shownArgs = args.length > MAX_FORM_LENGTH ? undefined : formatArguments(args);
  if (shownArgs === undefined || shownArgs.length > MAX_FORM_LENGTH) return undefined;
  const call = `agent ${formatName(agent)}\ntool ${formatName(tool)} of server ${
    formatName(server)
  }\narguments ${shownArgs}`;
  const choices = {
    allow_once: "Allow once",
    ...(offersSession && { allow_session: "Allow for this session" }),
    deny: "Deny",
  };
  return {
    kind: "form",
    params: {
      // The forms of servers begin with the server's name in brackets, so that none can look like this one.
      message: `The gateway asks for your approval of a call:\n\n${asBlock(call)}\n\n` +
        "Accepting without a choice allows this call once.",
      requestedSchema: {
        type: "object",
        properties: {
          decision: {
            type: "string",
            title: "Decision",
            enum: Object.keys(choices),
            // All revisions know this form of titles.
            enumNames: Object.values(choices),
          },
        },
      },
    },
  };
}

/**
 * Indents all lines. A client that shows messages as Markdown then shows a block of code, so that an HTML comment or
 * other markup in the arguments hides no part of the call.
 */
function asBlock(text: string): string {
  return text.replace(/^/gm, "    ");
}

/**
 * Asks the client to show a form.
 *
 * @param options The form, and the signal of the call, which withdraws it, too.
 */
export function openForm(
  channel: ClientChannel,
  { form, signal }: { readonly form: InputRequest; readonly signal: CancelSignal },
): OpenForm {
  const cancellation = new Cancellation();
  const withdraw = (): void => cancellation.cancel("The call needs no approval any more");
  signal.addEventListener("abort", withdraw, { once: true });
  const answer = channel.requestInput(form, cancellation).then(readAnswer, () => "none" as const)
    .finally(() => signal.removeEventListener("abort", withdraw));
  return { answer, withdraw };
}

function readAnswer(response: InputResponse): FormAnswer {
  switch (response.kind) {
    case "accepted": {
      const { decision = "allow_once" } = fieldsOf(fieldsOf(response.result.value).content);
      if (decision === "allow_once") return "once";
      if (decision === "allow_session") return "session";
      // Another value is no choice of the form.
      return decision === "deny" ? "deny" : "dismissed";
    }
    case "declined":
      return "deny";
    case "cancelled":
      return "dismissed";
    case "failed":
    case "unsupported":
      return "none";
  }
}
