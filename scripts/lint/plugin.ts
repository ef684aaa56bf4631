/**
 * The project's own lint rules, listed under `lint.plugins` in `deno.json`.
 *
 * @module
 */

import { errorStyle } from "./error_style.ts";
import { fileName } from "./file_name.ts";
import { fileSize } from "./file_size.ts";
import { importDirection } from "./import_direction.ts";
import { parameters } from "./parameters.ts";
import { plainComments } from "./plain_comments.ts";
import { privateWords } from "./private_words.ts";
import { purePolicy } from "./pure_policy.ts";

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    "error-style": errorStyle,
    "file-name": fileName,
    "file-size": fileSize,
    "import-direction": importDirection,
    "parameters": parameters,
    "plain-comments": plainComments,
    "private-words": privateWords,
    "pure-policy": purePolicy,
  },
};

export default plugin;
