import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { SerializedError } from "vitest";
import type { Reporter, TestCase, TestModule } from "vitest/node";

/** Lines about failures, all of them together: whoever runs the visits beside much else shows no more than the last 40. */
const LINES = 36;
/** Lines that a failure has at least, and so how many are told of. */
const LEAST = 8;
/** Letters of a line. */
const WIDTH = 220;

/** Says how long each test took, and at the end why some failed: once, without colours, and short enough to be found there. */
export default class implements Reporter {
  onTestCaseResult(test: TestCase) {
    if (test.result().state === "skipped") {
      say(`skipped ${test.module.relativeModuleId}: ${test.name}`);
      return;
    }
    const milliseconds = Math.round(test.diagnostic()?.duration ?? 0);
    say(`${test.result().state} ${test.module.relativeModuleId}: ${test.name} (${milliseconds} ms)`);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const failed = tests.filter((test) => test.result().state === "failed");
    const faults = failed.map((test) => told(test));
    for (const module of modules) {
      const errors = [...module.errors(), ...[...module.children.allSuites()].flatMap((suite) => suite.errors())];
      if (errors.length > 0) faults.push([`FAILED ${module.relativeModuleId}`, ...errors.flatMap(reason)]);
    }
    if (unhandled.length > 0) faults.push(["FAILED outside of a test", ...unhandled.flatMap(reason)]);
    const shown = faults.slice(0, Math.floor(LINES / LEAST) - 1);
    const more = faults.slice(shown.length).map(([first]) => first);
    let left = LINES - Math.min(more.length, LEAST) - 1;
    shown.forEach((lines, index) => {
      const share = Math.floor(left / (shown.length - index));
      const part = lines.slice(0, share);
      left -= part.length;
      for (const line of part) say(line.length > WIDTH ? `${line.slice(0, WIDTH)}…` : line);
    });
    for (const first of more.slice(0, LEAST)) say(first ?? "");
    say(`${tests.length - failed.length} of ${tests.length} tests passed`);
  }
}

/** Why a test failed, what is most of use first. */
function told(test: TestCase): string[] {
  const errors = test.result().errors ?? [];
  return [
    `FAILED ${test.module.relativeModuleId}: ${test.name}`,
    ...errors.flatMap(reason),
    ...(test.meta().seen ?? [])
      .flatMap((text) => stripVTControlCharacters(text).split("\n"))
      .map((line) => `  ${line}`),
  ];
}

/** An error, and where in the tests it came from. */
function reason(error: SerializedError): string[] {
  const clean = (text: unknown) =>
    stripVTControlCharacters(typeof text === "string" ? text : "")
      .split("\n")
      .map((line) => line.trimEnd())
      .filter((line) => line !== "");
  const at = error.stacks?.find((frame) => frame.file.endsWith(".test.ts")) ?? error.stacks?.[0];
  const source = at && lineOf(at.file, at.line);
  return [
    ...clean(error.message).slice(0, 8),
    // What was expected and what there was: of two long texts the message has neither.
    ...clean(error.diff).slice(0, 10),
    ...(at ? [`  at ${relative(import.meta.dirname, at.file)} line ${at.line}, ${source ?? ""}`] : []),
  ].map((line) => `  ${line}`);
}

function lineOf(file: string, number: number): string | undefined {
  try {
    return readFileSync(file, "utf8").split("\n")[number - 1]?.trim();
  } catch {
    return undefined;
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
