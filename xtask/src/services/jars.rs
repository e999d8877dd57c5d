//! Kafka's jars: fetched once from Maven Central into the user's cache, each held against its digest.

use crate::{
    step::{command, output, say},
    tools,
};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::{
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
};

/// What Kafka needs to run, and its command line tools: lines of a SHA-256 and Maven's `group:artifact:version`. Made from what Maven resolves for
/// `org.apache.kafka:kafka_2.13`, `kafka-tools` and, so that it logs, `org.apache.logging.log4j:log4j-slf4j-impl`.
const LIST: &str = include_str!("kafka-jars.txt");
/// Its version names the folder.
const KAFKA: &str = "kafka_2.13";

/// Where they come from, unless this variable names a mirror.
const CENTRAL: &str = "https://repo1.maven.org/maven2";
const MIRROR: &str = "MARQUEE_MAVEN";

/// How many are fetched between two lines of progress, and how many at once.
const BATCH: usize = 24;
const AT_ONCE: &str = "8";
/// How often a transfer is tried again, and the seconds until a connection and a transfer are given up.
const RETRIES: &str = "3";
const CONNECT: &str = "15";
const TRANSFER: &str = "300";

#[derive(Debug)]
struct Jar {
    digest: String,
    artifact: String,
    version: String,
    /// Below the repository's address.
    path: String,
}

impl Jar {
    fn name(&self) -> String {
        format!("{}-{}.jar", self.artifact, self.version)
    }
}

/// The folder that has all of them.
pub fn folder() -> Result<PathBuf> {
    let jars = parse(LIST)?;
    let kafka = jars.iter().find(|jar| jar.artifact == KAFKA).context("the list of jars is without Kafka's own")?;
    let folder = cache()?.join(format!("marquee/kafka-{}", kafka.version));
    let missing = || jars.iter().filter(|jar| !folder.join(jar.name()).is_file()).collect::<Vec<_>>();
    if missing().is_empty() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    // Two at once would write the same files.
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    let (missing, from) = (missing(), std::env::var(MIRROR).unwrap_or_else(|_| CENTRAL.to_owned()));
    say(&format!("    fetching {} jars of Kafka {} from {from} into {}", missing.len(), kafka.version, folder.display()));
    let mut done = 0;
    for batch in missing.chunks(BATCH) {
        fetch(batch, &from, &folder).with_context(|| {
            format!(
                "Kafka's jars could not be fetched from {from}. This needs the network once, and goes on where it stopped; {MIRROR} names a mirror \
                 of Maven Central"
            )
        })?;
        done += batch.len();
        say(&format!("    {done} of {}", missing.len()));
    }
    Ok(folder)
}

fn parse(list: &str) -> Result<Vec<Jar>> {
    list.lines().map(|line| jar(line).with_context(|| format!("{line:?} is no SHA-256 and group:artifact:version"))).collect()
}

fn jar(line: &str) -> Option<Jar> {
    let (digest, coordinates) = line.split_once(' ')?;
    let parts: Vec<_> = coordinates.split(':').collect();
    let [group, artifact, version] = parts[..] else { return None };
    // These become paths.
    let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['/', '\\', ' ']);
    if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) || !parts.iter().all(|part| plain(part)) {
        return None;
    }
    Some(Jar {
        digest: digest.to_ascii_lowercase(),
        artifact: artifact.to_owned(),
        version: version.to_owned(),
        path: format!("{}/{artifact}/{version}/{artifact}-{version}.jar", group.replace('.', "/")),
    })
}

/// The user's cache.
pub fn cache() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute()) {
        return Ok(folder);
    }
    Ok(PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"))
}

/// Fetches these. One has its name only when it is whole and right: whatever ends this, the next run knows what is missing.
fn fetch(jars: &[&Jar], from: &str, folder: &Path) -> Result<()> {
    let curl = tools::program("curl", "", &["curl"])?;
    let mut fetch = command(curl, &["--fail", "--fail-early", "--silent", "--show-error", "--location", "--parallel"]);
    fetch.args(["--parallel-max", AT_ONCE, "--retry", RETRIES, "--connect-timeout", CONNECT, "--max-time", TRANSFER]);
    let part = |jar: &Jar| folder.join(format!("{}.part", jar.name()));
    for jar in jars {
        fetch.arg("--output").arg(OsString::from(part(jar))).arg(format!("{}/{}", from.trim_end_matches('/'), jar.path));
    }
    let fetched = output(&mut fetch).map_err(without_command);
    // What did arrive is stored, even if another one did not.
    for jar in jars {
        let part = part(jar);
        let Ok(bytes) = std::fs::read(&part) else { continue };
        if hexadecimal(&Sha256::digest(&bytes)) == jar.digest {
            std::fs::rename(&part, folder.join(jar.name()))?;
            continue;
        }
        std::fs::remove_file(&part)?;
        if fetched.is_ok() {
            bail!("{} is not what it should be: its SHA-256 is not {}", jar.path, jar.digest);
        }
    }
    fetched.map(drop)
}

/// The command names every jar: only what it said is of use.
fn without_command(error: anyhow::Error) -> anyhow::Error {
    let said = format!("{error:#}");
    anyhow::anyhow!("{}", said.split_once("curl: ").map_or(said.as_str(), |(_, said)| said).lines().next().unwrap_or_default())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_jars_is_valid() {
        let jars = parse(LIST).unwrap();
        let kafka = jars.iter().find(|jar| jar.artifact == KAFKA).unwrap();
        assert_eq!(kafka.path, format!("org/apache/kafka/kafka_2.13/{0}/kafka_2.13-{0}.jar", kafka.version));
        let mut names: Vec<_> = jars.iter().map(Jar::name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), jars.len());
    }

    #[test]
    fn a_malformed_line_is_refused() {
        let digest = "a".repeat(64);
        assert!(parse(&format!("{digest} g.h:a:1")).is_ok());
        for line in
            ["", "abc g:a:1", &digest, &format!("{digest} g:a"), &format!("{digest} g:a:../1"), &format!("{digest} g:a:1:jar")]
        {
            assert!(parse(&format!("{digest} g:a:1\n{line}\n")).is_err(), "{line}");
        }
    }

    #[test]
    fn valid_downloads_are_stored_and_invalid_ones_discarded() {
        let folder = std::env::temp_dir().join(format!("marquee-jars-{}", std::process::id()));
        let jar = |name: &str, digest: &str| jar(&format!("{digest} g:{name}:1")).unwrap();
        let publish = |name: &str| {
            let place = folder.join(format!("repository/g/{name}/1"));
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join(format!("{name}-1.jar")), name).unwrap();
            hexadecimal(&Sha256::digest(name))
        };
        let (good, bad, missing) = (jar("good", &publish("good")), jar("bad", &"0".repeat(64)), jar("missing", &"0".repeat(64)));
        publish("bad");
        let from = format!("file://{}/repository", folder.display());
        let has = |jar: &Jar| folder.join(jar.name()).is_file();

        let error = fetch(&[&good, &bad], &from, &folder).unwrap_err().to_string();
        assert!(error.contains("bad-1.jar is not what it should be"), "{error}");
        assert!(has(&good) && !has(&bad));
        let error = fetch(&[&missing], &from, &folder).unwrap_err().to_string();
        assert!(error.contains("missing") && !error.contains("--parallel"), "{error}");
        assert!(!has(&missing));
        assert!(!folder.join("bad-1.jar.part").exists());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
