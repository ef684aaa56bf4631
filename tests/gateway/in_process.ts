import assert from "node:assert/strict";
import {
  checkConfiguration,
  FileWatch,
  locateFiles,
  readSettings,
  type SettingFlags,
  type Settings,
} from "../../src/config/mod.ts";
import { Gateway } from "../../src/gateway/mod.ts";
import { NO_TRACER } from "../../src/trace.ts";
import { createRecordingLog } from "../audit/audit_log_fixtures.ts";
import { createEnvironment } from "../config/check_files.ts";
import type { TempFolder } from "../config/temp_folder.ts";

/**
 * Creates a gateway in this process. Each of its servers starts when it is first called.
 *
 * @param folder Folder that contains `mcp.json` and `rules.json`; the audit log is written there, too.
 */
export async function openGateway(
  folder: TempFolder,
  flags: SettingFlags,
): Promise<{ readonly gateway: Gateway; readonly settings: Settings }> {
  const cwd = folder.path;
  const env = createEnvironment({ GATEWAY_AUDIT_LOG: `${cwd}/audit.jsonl` });
  const defaultFlags = { mcpConfig: "mcp.json", rules: "rules.json", initStrategy: "lazy" };
  const settings = readSettings({ ...defaultFlags, ...flags }, env);
  const files = locateFiles(settings, { home: undefined, cwd });
  const checkFiles = () => checkConfiguration(files, { env, cwd });
  const { configuration = assert.fail() } = await checkFiles();
  const gateway = new Gateway({
    settings,
    configuration,
    auditFallback: `${cwd}/fallback.jsonl`,
    version: "0",
    tracer: NO_TRACER,
    reload: { files, watch: new FileWatch([]), checkFiles },
    log: createRecordingLog(),
  });
  return { gateway, settings };
}
