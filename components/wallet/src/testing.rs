//! Keys and certificates for tests, made and checked by OpenSSL's program, which is not ours.

use crate::{Event, Ticket, Words};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub fn ticket() -> Ticket<'static> {
    Ticket {
        order: "eu_06f9zk5c1wv7r3h9d0x2nq6ta8",
        number: 2,
        generation: 1,
        code: "EU.T1.06F9ZK5C1WV7R3H9D0X2NQ6TA8.2-1.WX2C0Y8KDEVQ8J7YYHETRHZG55VRXE3V941BPPZVD28MS3BMAP91WN8EGB7X7ZHZZ56K2KMTNY51PH8ZJ7RDCYJAM730E4KZVX80HQDQ1Y642CDQE836C0Z0MR5JTR4R9R51WMGB",
        kind: "Standard",
        holder: Some("Grace"),
        event: Event {
            id: "eu_06f9zk3m2hw7x1d8q4tn5rv0bc",
            title: "Night of Strings",
            venue: "Blue Hall",
            city: "Colombo",
            country: "LK",
            starts_at: "2027-03-02T00:30:00+05:30",
            ends_at: "2027-03-02T03:30:00+05:30",
            day: "Tuesday 2 March 2027",
            time: "00:30 (Asia/Colombo, UTC+05:30)",
        },
        seller: "Blue Hall",
        words: Words {
            language: "en",
            when: "When",
            location: "Where",
            ticket: "Ticket",
            name: "Name",
            order: "Order",
            at_the_door: "Show this code at the door.",
        },
    }
}

/// What the program writes.
pub fn openssl(arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl, the program");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn rsa_key() -> String {
    openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "")
}

/// A key that all tests share: to make one takes its time.
pub fn key() -> String {
    static KEY: LazyLock<String> = LazyLock::new(rsa_key);
    KEY.clone()
}

pub fn another_key() -> String {
    static KEY: LazyLock<String> = LazyLock::new(rsa_key);
    KEY.clone()
}

/// A folder of a test's own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("wallet-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let file = self.0.join(name);
        std::fs::write(&file, content).unwrap();
        file.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What stands in for Apple: a root, one that it has signed, and a certificate for passes that this has signed.
pub struct Authority {
    folder: Folder,
    root: String,
    between: String,
    /// Of passes, and the one between.
    pub certificates: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        let (folder, key, root_key) = (Folder::new(), rsa_key(), another_key());
        let (own, other) = (folder.file("key.pem", key.as_bytes()), folder.file("root-key.pem", root_key.as_bytes()));
        let authority = |subject: &str, serial: &str, signed_by: &[&str]| {
            let signed = ["req", "-new", "-x509", "-days", "9000", "-key", &other, "-subj", subject, "-set_serial", serial];
            openssl(&[&signed[..], signed_by, &["-addext", "basicConstraints=critical,CA:TRUE"]].concat(), "")
        };
        // Of each test's own name, so that none verifies another's.
        let name = folder.0.file_name().unwrap().to_str().unwrap().to_owned();
        let root = authority(&format!("/CN=Root {name}"), "1", &[]);
        let root_file = folder.file("root.pem", root.as_bytes());
        let between = authority(&format!("/CN=Between {name}"), "2", &["-CA", &root_file, "-CAkey", &other]);
        let between_file = folder.file("between.pem", between.as_bytes());
        let mut authority = Self { folder, root, between, certificates: String::new(), key };
        let subject = "/UID=pass.com.example.tickets/CN=Pass Type ID: pass.com.example.tickets/OU=A1B2C3D4E5/O=Example/C=US";
        authority.certificates = authority.signed(subject, &own, &between_file, &other);
        authority
    }

    fn signed(&self, subject: &str, key: &str, by: &str, by_key: &str) -> String {
        let signed =
            openssl(&["req", "-new", "-x509", "-days", "9000", "-key", key, "-subj", subject, "-CA", by, "-CAkey", by_key], "");
        format!("{signed}{}", self.between)
    }

    /// The same for a subject that says nothing of passes.
    pub fn unnamed(&self) -> String {
        let file = |name: &str| self.folder.0.join(name).to_str().unwrap().to_owned();
        self.signed("/CN=Nobody", &file("key.pem"), &file("between.pem"), &file("root-key.pem"))
    }

    /// Whether a detached signature is good, by the root alone.
    pub fn verifies(&self, content: &[u8], signature: &[u8]) -> bool {
        let [content, signature, root] = [("content", content), ("signature", signature), ("ca.pem", self.root.as_bytes())]
            .map(|(name, bytes)| self.folder.file(name, bytes));
        let output = Command::new("openssl")
            .args(["cms", "-verify", "-binary", "-inform", "DER", "-in", &signature, "-content", &content, "-CAfile", &root])
            .args(["-purpose", "any", "-out", "/dev/null"])
            .output()
            .unwrap();
        output.status.success()
    }
}

/// Whether a token is this key's.
pub fn is_signed(key: &str, token: &str) -> bool {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let folder = Folder::new();
    let public = folder.file("public.pem", openssl(&["pkey", "-pubout"], key).as_bytes());
    let signature = folder.file("signature", &URL_SAFE_NO_PAD.decode(signature).unwrap());
    let signed = folder.file("signed", signed.as_bytes());
    let output = Command::new("openssl")
        .args(["dgst", "-sha256", "-verify", &public, "-signature", &signature, &signed])
        .output()
        .unwrap();
    output.status.success()
}
