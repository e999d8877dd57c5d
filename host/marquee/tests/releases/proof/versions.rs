//! Versions of a small application, good and bad, in the registry: real components, signed by the commands that people use.

use std::path::PathBuf;

use super::registry::{Lie, Registry};
use crate::versions::answered;

/// What is wrong with a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// 5 % of its requests are answered with a 500.
    Errors,
    /// Its answers take 30 % longer.
    Slow,
    /// 2 % of its requests trap.
    Traps,
    /// Each request keeps half a MiB.
    Leaks,
    /// 2 % of its requests never come to an end.
    Loops,
    /// A function of its component is no code.
    WillNotCompile,
    /// It imports what no host offers.
    MissesAnImport,
    /// Nobody has signed it.
    Unsigned,
    /// Somebody has signed it whom the control plane trusts and nodes do not.
    WrongSignature,
    /// What nodes get of its layer is not what it was.
    TamperedLayer,
    /// What nodes get of its layer is half of it.
    TruncatedLayer,
}

/// What has to become of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It reaches all nodes.
    Completed,
    /// It is taken back from the first stage, and the reason has this in it.
    TakenBack(&'static str),
    /// It is refused before any node hears of it, and the reason has this in it.
    Refused(&'static str),
}

impl Flaw {
    pub const BAD: [Self; 11] = [
        Self::Errors,
        Self::Slow,
        Self::Traps,
        Self::Leaks,
        Self::Loops,
        Self::WillNotCompile,
        Self::MissesAnImport,
        Self::Unsigned,
        Self::WrongSignature,
        Self::TamperedLayer,
        Self::TruncatedLayer,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "good",
            Self::Errors => "errors",
            Self::Slow => "slow",
            Self::Traps => "traps",
            Self::Leaks => "leaks",
            Self::Loops => "loops",
            Self::WillNotCompile => "will-not-compile",
            Self::MissesAnImport => "misses-an-import",
            Self::Unsigned => "unsigned",
            Self::WrongSignature => "wrong-signature",
            Self::TamperedLayer => "tampered-layer",
            Self::TruncatedLayer => "truncated-layer",
        }
    }

    pub fn fate(self) -> Fate {
        match self {
            Self::None => Fate::Completed,
            Self::Errors => Fate::TakenBack("were answered with a 5xx"),
            Self::Slow => Fate::TakenBack("of answers take"),
            Self::Traps | Self::Loops => Fate::TakenBack("traps for"),
            Self::Leaks => Fate::TakenBack("an instance has"),
            Self::WillNotCompile => Fate::TakenBack("does not compile"),
            Self::MissesAnImport => Fate::Refused("wasi:clockz"),
            Self::Unsigned => Fate::Refused("signed"),
            Self::WrongSignature => Fate::TakenBack("untrusted"),
            Self::TamperedLayer => Fate::TakenBack("its bytes have the digest"),
            Self::TruncatedLayer => Fate::TakenBack("fetch"),
        }
    }

    /// Whether everybody whom it answers is hurt, and not only those whom it fails.
    pub fn hurts_all(self) -> bool {
        self == Self::Slow
    }

    /// Milliseconds that an answer takes at least, what the component does wrong, and how many of a thousand requests meet that.
    fn behaviour(self) -> (u64, &'static str, u64) {
        match self {
            Self::Errors => (WAIT_MS, "errors", 50),
            Self::Slow => (WAIT_MS * 13 / 10, "", 0),
            Self::Traps => (WAIT_MS, "traps", 20),
            Self::Leaks => (WAIT_MS, "leaks", 1_000),
            Self::Loops => (WAIT_MS, "loops", 20),
            _ => (WAIT_MS, "", 0),
        }
    }
}

/// Milliseconds that an answer takes at least: as somebody who asks a server of their own.
const WAIT_MS: u64 = 20;

/// The registry, and the folder where versions are made.
pub struct Shelf {
    folder: PathBuf,
    /// The registry itself, for who pushes.
    direct: String,
    wasm: Vec<u8>,
    /// Whether every version has code of its own, which nodes have to compile: it takes a machine that does little else.
    compiled: bool,
}

impl Shelf {
    /// Makes the keys `release`, whose signature nodes want, and `other`, which only the control plane trusts.
    pub fn new(folder: PathBuf, direct: String, compiled: bool) -> Self {
        let file = test_support::root().join("target/wasm32-wasip2/release/fixtures.wasm");
        let wasm = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}: cargo xtask build", file.display()));
        for key in ["release", "other"] {
            answered(&folder, &["keygen", key]);
        }
        Self { folder, direct, wasm, compiled }
    }

    /// A version with this flaw, which calls itself by this label: its reference, by digest, at the registry as nodes reach it.
    pub fn put(&self, flaw: Flaw, label: &str, registry: &Registry) -> String {
        let (wait, fault, per_mille) = flaw.behaviour();
        // What loops is ended soon. Whatever else takes so long has a machine with too much to do.
        let timeout = if flaw == Flaw::Loops { 1_000 } else { 10_000 };
        std::fs::write(self.folder.join("fixtures.wasm"), self.component(flaw, label)).unwrap();
        let manifest = format!(
            r#"
            spin_manifest_version = 2
            [application]
            name = "work"
            version = "{label}"
            [[trigger.http]]
            route = "/..."
            component = "work"
            [component.work]
            source = "fixtures.wasm"
            environment = {{ VERSION = "{label}", WAIT_MS = "{wait}", FAULT = "{fault}", PER_MILLE = "{per_mille}" }}
            [component.work.tool.marquee]
            concurrency = 16
            reuse = 100000
            memory_mib = 256
            timeout_ms = {timeout}
            [component.work.tool.marquee.routes]
            "GET /work" = {{ runs = "edge" }}
            "GET /at/:region/work" = {{ runs = "region", by = {{ path = "region" }} }}
            "#
        );
        std::fs::write(self.folder.join("work.toml"), manifest).unwrap();
        let repository = self.folder.file_name().unwrap().to_str().unwrap();
        let pushed =
            answered(&self.folder, &["push", &format!("{}/{repository}:{label}", self.direct), "--manifest", "work.toml"]);
        let reference = pushed["reference"].as_str().unwrap();
        match flaw {
            Flaw::Unsigned => {}
            Flaw::WrongSignature => drop(answered(&self.folder, &["sign", reference, "--key", "other.key"])),
            _ => drop(answered(&self.folder, &["sign", reference, "--key", "release.key"])),
        }
        let lie = match flaw {
            Flaw::TamperedLayer => Some(Lie::Tampered),
            Flaw::TruncatedLayer => Some(Lie::Truncated),
            _ => None,
        };
        if let Some(lie) = lie {
            use sha2::Digest as _;
            let wasm = std::fs::read(self.folder.join("fixtures.wasm")).unwrap();
            let digest: String = sha2::Sha256::digest(wasm).iter().map(|byte| format!("{byte:02x}")).collect();
            registry.lies_about(&format!("sha256:{digest}"), lie);
        }
        reference.replace(&self.direct, &registry.address)
    }

    /// The component, with a section of its own where it is to be another layer, and to be compiled for itself.
    fn component(&self, flaw: Flaw, label: &str) -> Vec<u8> {
        let mut wasm = self.wasm.clone();
        match flaw {
            // What two reads of local variables were is no instruction.
            Flaw::WillNotCompile => {
                let code = [0x20, 0x00, 0x20, 0x01];
                let at = wasm.len() / 4;
                let at = at + wasm[at..].windows(4).position(|window| window == code).expect("a function that reads two");
                wasm[at..at + 4].copy_from_slice(&[0xff; 4]);
            }
            Flaw::MissesAnImport => {
                let (offered, wanted) = (b"wasi:clocks/", b"wasi:clockz/");
                let places: Vec<_> = (0..wasm.len() - offered.len()).filter(|at| wasm[*at..].starts_with(offered)).collect();
                assert!(!places.is_empty());
                for at in places {
                    wasm[at..at + wanted.len()].copy_from_slice(wanted);
                }
            }
            Flaw::TamperedLayer | Flaw::TruncatedLayer => {}
            _ if self.compiled => {}
            _ => return wasm,
        }
        // The versions of all seeds with one flaw have the same code. What is lied about nobody may have seen before.
        let own = if matches!(flaw, Flaw::TamperedLayer | Flaw::TruncatedLayer) { label } else { flaw.name() };
        let section = [&[5][..], b"label", own.as_bytes()].concat();
        wasm.extend([0, u8::try_from(section.len()).ok().filter(|length| *length < 128).expect("a short label")]);
        wasm.extend(section);
        wasm
    }
}
