/** One instruction of a Dockerfile. */
export interface Instruction {
  /** The first word, such as `COPY`. */
  readonly name: string;
  /** The arguments, on one line. */
  readonly text: string;
}

/** A build stage. */
export interface Stage {
  /** The base image. */
  readonly base: string;
  /** The name for other stages. */
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** Parses the stages of a Dockerfile; supports only the syntax that the gateway's Dockerfile uses. */
export function readDockerfile(dockerfile: string): Stage[] {
  const lines = dockerfile.split("\n").filter((line) => !/^\s*(#|$)/.test(line)).join("\n");
  const stages: { base: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of lines.replaceAll(/\\\n\s*/g, " ").split("\n")) {
    const [, name = "", text = ""] = /^([A-Z]+) +(.+)$/.exec(line) ?? [];
    if (name === "") throw new Error(`Not an instruction: ${line}`);
    if (name !== "FROM") {
      stages.at(-1)?.instructions.push({ name, text });
      continue;
    }
    const [, base = "", stage] = /^(\S+)(?: AS (\S+))?$/.exec(text) ?? [];
    stages.push({ base, name: stage, instructions: [] });
  }
  return stages;
}

/** Returns the words of an instruction in JSON form, such as `ENTRYPOINT`. */
export function readWords(text: string): string[] {
  return JSON.parse(text.slice(text.indexOf("[")));
}

/** Returns the values of all `ENV` instructions of a stage. */
export function readEnv({ instructions }: Stage): Record<string, string> {
  const texts = instructions.filter(({ name }) => name === "ENV").map(({ text }) => text);
  return Object.fromEntries(
    [...texts.join(" ").matchAll(/(\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, value]),
  );
}

/** Returns the files that a build can read, from a `.dockerignore` that excludes all other files. */
export function readContext(dockerignore: string): string[] {
  const lines = dockerignore.split("\n").filter((line) => !/^\s*(#|$)/.test(line));
  if (lines[0] !== "*") throw new Error("The first line must exclude everything");
  return lines.slice(1).map((line) => line.replace(/^!/, ""));
}
