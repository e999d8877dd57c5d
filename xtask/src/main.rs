//! The project's automation: `cargo xtask COMMAND`. Everything that a person or CI does here is a command of this program.

mod attack;
mod bench;
mod build;
mod check;
mod documents;
mod faults;
mod fleet;
mod fonts;
mod fuzz;
mod jobs;
mod lighthouse;
mod load;
mod node;
mod rollouts;
mod schema;
mod seed;
mod services;
mod simulate;
mod spin_manifest;
mod step;
mod test;
mod tools;
mod up;
mod web;

use anyhow::{Result, bail};
use std::process::ExitCode;

const USAGE: &str = "cargo xtask COMMAND

  build             build the web app, the components (wasm) and the binary target/release/marquee
  components        build the web app and the components alone, as `spin build` does
  web               build the web app alone, where its sources have changed; Node.js is installed where the machine's is too old
                      --visit   visit it with a browser instead, as tests do, in a platform of its own from what has been built
                      --visit --spin   the same in stock Spin
                      --visit --pictures   and leave pictures of every page in target/web
                      --lighthouse   say what Lighthouse, which is installed for it, finds of four pages of what has been built: below 0.95 in
                                     accessibility or best practices is a failure, performance depends on the machine
  up [ARGS]         build what is missing, then run the whole platform (ARGS go to `marquee up`; see `marquee up --help`)
                      --watch   also rebuild a component, or the web app, when its source is saved
  test [FILTERS]    set up what the tests need and run them all; with FILTERS, only the steps whose name contains one of them:
                      check | unit | web | host | api | schema | load
  check             formatting, lints, rustdoc, documents (links, paths, commands, settings, metrics), licences and sources of dependencies
  fonts             get the fonts that receipts and tickets in Chinese, Japanese, Korean, Thai and Indian scripts are set in, from Debian's packages
  faults            kill, pause, cut off and mislead the nodes of a fleet under load, and check what people were answered
                      --rounds 60   --seed N   --only PART-OF-A-FAULT'S-NAME
  fleet             roll good and bad versions out over many edges under load, and see that bad ones are taken back from the first stage
                      --nodes 100   --rate N   requests a second of all together (10 of each)     --interval SECONDS   between two looks
                      --seeds 1   how many times     --seed 1   the first one     --only PART-OF-A-NAME   of a version or a fault
                      --faults   faults of the machinery instead: the control plane killed, the registry gone, nodes not reached
                      --agents N   so many agents at one instance of the control plane instead
  seed --url URL    load the demo catalog into a platform that runs, stock Spin included; again adds nothing
                      --email ADDRESS   --password-file FILE   of who organises it; else SPIN_VARIABLE_ADMIN_EMAIL and _PASSWORD say that
  load SCENARIO     browse | onsale | door: k6 against a running `up` on port 8080, or one that is started for it
                      --url URL[,URL]   the edges to load      --short   a few seconds, for a first look
                    failover | edge-vs-central: k6 against a fleet that is started for it
  schema            schemathesis: generated calls of every operation, each answer held against the OpenAPI document
                      --cases N   at least so many (20000)     --seed N     --own   with what has been built
  fuzz [TARGET]     bodies | cursors | ids | postgres | queries | redis | seen | tokens | webhooks | wire: what reads input from outside is given what
                    nobody would send
                      --seconds N   for each (60)     --seed N
  bench             measure the edge, a catalog read and a hold beside what can be compared, in one run
                      --against FOLDER   beside another build of this host as well: that of a checkout in which `build` was run
  attack [NAME]     bodies | bodies-of-holds | answers | connections | logins | places | seen: attacks on a fleet that is started for it, all of them or one, each beside
                    somebody who only wants to be served: as a table, before and during      --up   on `marquee up` instead
  simulate          the region under faults, each run determined by its seed: until one violates something
                      --seeds N   how many (500)     --first N   from which on     --seed N   one, with its whole trace
  bench checkin     how many people a second one node lets in to an event, each durably on Postgres, beside what that commits
  bench coordinator how many durable holds a second one hot event takes on Postgres, end to end and step by step
  bench streams     how fast what happens gets to Kafka and to who follows it, and reads through the Redis and Postgres bindings
  bench PART        bindings | feed_latency | immutable | journal | ledger | live | search | serve | throughput | tokens | worker: one of the
                    programs of host/benches by itself; on top of its file stands what it takes and prints
  services up       start private services for tests and for trying things: Postgres, Redis with Sentinels, Kafka, RabbitMQ, a mail sink,
                    a store of objects, a registry of artifacts.
                    In containers where Docker answers, else from packages; prints the variables that name them
                      --only postgres,redis   some of them      --packages, --docker   in that way, or fail
  services status   each with its address, its process and whether it answers
  services down     end them, and remove what they have kept
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            step::say(&format!("failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    std::env::set_current_dir(step::root())?;
    build::compiler()?;
    let Some((command, rest)) = arguments.split_first() else {
        step::say(USAGE);
        return Ok(ExitCode::from(2));
    };
    match command.as_str() {
        "build" => build::all()?,
        "components" => build::components(&[])?,
        "web" => web::command_line(rest)?,
        "up" => return up::run(rest),
        "test" => test::run(rest)?,
        "check" => drop(check::run()?),
        "fonts" => fonts::get()?,
        "faults" => faults::run(rest)?,
        "fleet" => rollouts::run(rest)?,
        "load" => load::run(rest)?,
        "schema" => schema::run(rest)?,
        "fuzz" => fuzz::run(rest)?,
        "attack" => attack::run(rest)?,
        "seed" => seed::run(rest)?,
        "simulate" => simulate::run(rest)?,
        "bench" => bench::command_line(rest)?,
        "services" => return services::command_line(rest),
        "help" | "--help" | "-h" => step::say(USAGE),
        other => bail!("there is no command {other}\n\n{USAGE}"),
    }
    Ok(ExitCode::SUCCESS)
}
