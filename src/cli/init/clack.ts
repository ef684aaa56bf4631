/** The functions of clack that are used. The bundle contains no other part of it. */
export { confirm, intro, isCancel, log, multiselect, outro, select, text } from "@clack/prompts";
