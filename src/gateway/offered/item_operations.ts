/** The operations on resources, prompts and completions, and on their lists. */
export { findRequestTarget } from "./targeted_request.ts";
export { emptyList, listOffered } from "./list_offered.ts";
export { requestOffered, unsubscribe } from "./request_offered.ts";
