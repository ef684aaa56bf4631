/** The parts that only requests for resources, prompts and completion need. */
export { findTarget } from "./targeted_request.ts";
export { emptyList, listOffered } from "./list_offered.ts";
export { requestOffered, unsubscribe } from "./request_offered.ts";
