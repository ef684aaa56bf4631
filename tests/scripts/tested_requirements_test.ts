import assert from "node:assert/strict";
import { joinReports, readTests } from "../../scripts/test_report.ts";
import { checkRequirements, readRequirementIds } from "../../scripts/tested_requirements.ts";

const inBrackets = (id: string) => `[${id}]`;

/** A report as Deno writes it. One test failed although a step of it passed. */
const XML = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="5" failures="2" errors="0" time="0.012">
    <testsuite name="./tests/a_test.ts" tests="5" disabled="1" errors="0" failures="2">
        <testcase name="${inBrackets("a.b")} &quot;x&quot; &lt;&amp;" time="0.003" line="1" col="6">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="${inBrackets("c.d")}${
  inBrackets("e.f")
} passes" time="0.001" line="2" col="6">
        </testcase>
        <testcase name="${inBrackets("g.h")} needs a program" time="0.000" line="3" col="6">
            <skipped/>
        </testcase>
        <testcase name="${inBrackets("a.b")} &quot;x&quot; &lt;&amp; &gt; ${
  inBrackets("i.j")
} 1 &gt; 0" time="0.001">
        </testcase>
    </testsuite>
</testsuites>
`;

Deno.test("requirements: the outcomes of tests and steps are read from a report", () => {
  assert.deepEqual(readTests(XML), [
    { name: `${inBrackets("a.b")} "x" <&`, outcome: "failed" },
    { name: `${inBrackets("c.d")}${inBrackets("e.f")} passes`, outcome: "passed" },
    { name: `${inBrackets("g.h")} needs a program`, outcome: "ignored" },
    { name: `${inBrackets("i.j")} 1 > 0`, outcome: "passed" },
  ]);
});

Deno.test("requirements: the joined report has each file with its time, the slowest first", () => {
  const joined = joinReports([
    { path: "tests/b_test.ts", seconds: 0.5, xml: "" },
    { path: "tests/a_test.ts", seconds: 2, xml: XML },
  ]);
  assert.deepEqual(joined.match(/<testsuite name="\S+" time="\S+"/g), [
    '<testsuite name="tests/a_test.ts" time="2.000"',
    '<testsuite name="tests/b_test.ts" time="0.500"',
  ]);
  assert.deepEqual(readTests(joined), readTests(XML));
});

Deno.test("requirements: ids are read at the beginning of a name", () => {
  assert.deepEqual(
    readRequirementIds(`${inBrackets("a.b")} ${inBrackets("c.d-2")}${inBrackets("e.f")} says`),
    [
      "a.b",
      "c.d-2",
      "e.f",
    ],
  );
  assert.deepEqual(
    readRequirementIds(`agents.a.deny.tools${inBrackets("m.n")} and ${inBrackets("k.l")}`),
    [],
  );
});

Deno.test("requirements: a requirement without a test that ran and passed is a fault", () => {
  const requirement = (id: string, issue?: number) => {
    return { id, section: "1 a", text: "so", ...(issue === undefined ? {} : { issue }) };
  };
  const tests = readTests(XML);
  const check = (requirements: readonly ReturnType<typeof requirement>[], optional = {}) =>
    checkRequirements(requirements, { tests, optional });
  const listedRequirements = ["a.b", "c.d", "e.f", "g.h", "i.j"].map((id) => requirement(id));
  assert.deepEqual(check(listedRequirements.filter(({ id }) => id !== "e.f"), { "g.h": "curl" }), {
    // The id of a test that failed is not tested, even if a step of it passed.
    faults: [
      "a.b: no test passed, and one failed",
      "e.f is in the name of a test, but is no requirement",
    ],
    untested: ["g.h"],
  });
  assert.deepEqual(
    check([...listedRequirements, requirement("x.y"), requirement("i.k", 9)]).faults,
    [
      "a.b: no test passed, and one failed",
      "g.h: every test was ignored",
      "x.y: no test ran",
    ],
  );
  assert.match(String(check([requirement("c.d", 9)]).faults), /c\.d is listed as not kept yet/);
});
