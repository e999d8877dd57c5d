import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** What is visited, as it was built. */
const PROGRAM = process.env.MARQUEE_PROGRAM ?? join(import.meta.dirname, "../../target/release/marquee");
/** A component that needs nothing and does nothing. */
const COMPONENT = Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]);

/** Tokens of people, by role. */
export const TOKENS = { viewer: "viewer-0123456789", operator: "operator-0123456789", admin: "admin-0123456789" };

function manifest(version: string): string {
  return `spin_manifest_version = 2
[application]
name = "shop"
version = "${version}"
[[trigger.http]]
route = "/..."
component = "shop"
[component.shop]
source = "shop.wasm"
[component.shop.tool.marquee.routes]
"GET /" = { runs = "edge" }
`;
}

type Share = { release: number; weight: number };
type Assignment = { stamp: object; releases: { id: number }[]; serving: Share[] };

/** A node that does what it is told, and answers a hundred requests of each percent with every report; of release 3 and later a fifth fails. */
class Agent {
  private readonly session: ClientHttp2Session;
  private readonly counters = new Map<number, { requests: number; errors: number; latency: number[] }>();
  private assignment: Assignment = { stamp: { epoch: 0, revision: 0 }, releases: [], serving: [] };
  private readonly timer: NodeJS.Timeout;

  constructor(folder: string, address: string, name: string, kind: string) {
    const read = (file: string) => readFileSync(join(folder, file));
    const files = { ca: read("ca.pem"), cert: read(`${name}.pem`), key: read(`${name}.key`) };
    // Its certificate names no host: who it is, is what agents look at.
    this.session = connect(`https://${address}`, { ...files, checkServerIdentity: () => undefined });
    this.session.on("error", () => {});
    this.timer = setInterval(() => this.sync(kind), 250);
  }

  private sync(kind: string) {
    if (this.session.destroyed) return this.end();
    for (const { release, weight } of this.assignment.serving) {
      const of = this.counters.get(release) ?? { requests: 0, errors: 0, latency: Array(21).fill(0) };
      of.requests += weight;
      of.errors += release > 2 ? weight / 5 : 0;
      // From 2.048 to 2.304 ms.
      of.latency[17] = of.requests;
      this.counters.set(release, of);
    }
    const empty = { requests: 0, errors: 0, latency: [] };
    const report = {
      node: {
        kind,
        region: "eu",
        labels: {},
        host: "0.1.0",
        interfaces: [],
        ledger_wire: 1,
        schema: null,
        variables: [],
      },
      boot: 1,
      known: this.assignment.stamp,
      releases: this.assignment.releases.map(({ id }) => {
        const { requests, errors, latency } = this.counters.get(id) ?? empty;
        return {
          release: id,
          phase: "ready",
          counters: { requests, errors: Math.floor(errors), latency, memory: 8 << 20 },
        };
      }),
      serving: this.assignment.serving,
      wait: false,
    };
    const stream = this.session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: "/v1/agents/sync",
      [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/json",
    });
    let text = "";
    stream.setEncoding("utf8");
    stream.on("data", (piece) => {
      text += piece;
    });
    stream.on("end", () => {
      if (text.startsWith('{"stamp"')) this.assignment = JSON.parse(text);
    });
    stream.on("error", () => {});
    stream.end(JSON.stringify(report));
  }

  end() {
    clearInterval(this.timer);
    this.session.destroy();
  }
}

/** An instance of the control plane, with a few nodes. */
export class Control {
  private readonly folder = mkdtempSync(join(tmpdir(), "marquee-control-"));
  private program: ChildProcess | undefined;
  private agents: Agent[] = [];
  /** Versions in the registry, by what they are called. */
  private readonly versions = new Map<string, string>();
  private listen = { agents: "127.0.0.1:0", people: "127.0.0.1:0", admin: "127.0.0.1:0" };

  private marquee(...args: string[]): string {
    return execFileSync(PROGRAM, args, { cwd: this.folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  }

  /** Where people are answered. */
  get origin() {
    return `http://${this.listen.people}`;
  }

  async start() {
    this.marquee("certificates", ".", "control/control-0", "eu/eu-1", "edge-0", "edge-1");
    this.marquee("fleet", "keygen", "release");
    writeFileSync(join(this.folder, "shop.wasm"), COMPONENT);
    for (const version of ["1.0.0", "1.0.1", "1.0.2"]) {
      writeFileSync(join(this.folder, "spin.toml"), manifest(version));
      const tag = `${process.env.MARQUEE_TEST_REGISTRY}/visit/shop:${version}`;
      const reference = this.marquee("fleet", "push", tag).split("\n")[0] ?? "";
      this.marquee("fleet", "sign", reference, "--key", "release.key");
      this.versions.set(version, reference);
    }
    const digest = (token: string) => createHash("sha256").update(token).digest("hex");
    const line = ([role, token]: [string, string]) =>
      `[[tokens]]\nname = "ann-the-${role}"\nrole = "${role}"\nsha256 = "${digest(token)}"\n`;
    writeFileSync(join(this.folder, "tokens.toml"), Object.entries(TOKENS).map(line).join(""));
    await this.launch();
  }

  /** Starts the instance, or starts it again where it was. */
  async launch() {
    const { agents, people, admin } = this.listen;
    writeFileSync(
      join(this.folder, "control.toml"),
      `name = "control-0"
data = "data"
tokens = "tokens.toml"
trusted_keys = ["release.pub"]
listen = { agents = "${agents}", people = "${people}", admin = "${admin}" }
tls = { authority = "ca.pem", certificate = "control-0.pem", key = "control-0.key" }
`,
    );
    const program = spawn(PROGRAM, ["control", "--config", "control.toml"], {
      cwd: this.folder,
      env: { ...process.env, RUST_LOG: "error", MARQUEE_CONTROL_DATABASE: process.env.MARQUEE_TEST_POSTGRES_URL },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.program = program;
    const said = await new Promise<string>((resolve, reject) => {
      createInterface({ input: program.stdout }).on("line", (text) => text.startsWith("ready") && resolve(text));
      program.on("exit", (code) => reject(new Error(`the control plane ended with ${code}`)));
    });
    const [, a, p, m] = /agents (\S+) +people http:\/\/(\S+) +admin http:\/\/(\S+)/.exec(said) ?? [];
    if (!a || !p || !m) throw new Error(`it is not understood: ${said}`);
    this.listen = { agents: a, people: p, admin: m };
    const nodes = [
      ["edge-0", "edge"],
      ["edge-1", "edge"],
      ["eu-1", "region"],
    ] as const;
    this.agents = nodes.map(([name, kind]) => new Agent(this.folder, a, name, kind));
  }

  /** As a crash does. */
  async kill() {
    for (const agent of this.agents) agent.end();
    const { program } = this;
    if (!program || program.exitCode !== null) return;
    program.removeAllListeners("exit");
    await new Promise((resolve) => {
      program.once("exit", resolve);
      program.kill("SIGKILL");
    });
  }

  async end() {
    await this.kill();
    rmSync(this.folder, { recursive: true });
  }

  /** Asks the API, as an operator. */
  async call(path: string, body?: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.origin}/${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${TOKENS.operator}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  }

  /** Begins a rollout, by a plan with these stages. */
  async deploy(version: string, stages: string): Promise<void> {
    const plan = `application = "shop"\ninterval = "1s"\n${stages}\n[analysis]\nmin_requests = 20\n`;
    await this.call("v1/deployments", { reference: this.versions.get(version), plan });
  }
}
