/**
 * The project's own lint rules, listed under `lint.plugins` in `deno.json`.
 *
 * @module
 */

import { fileName } from "./file_name.ts";
import { fileSize } from "./file_size.ts";
import { importDirection } from "./import_direction.ts";
import { purePolicy } from "./pure_policy.ts";

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    "file-name": fileName,
    "file-size": fileSize,
    "import-direction": importDirection,
    "pure-policy": purePolicy,
  },
};

export default plugin;
