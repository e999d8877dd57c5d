//! Archives, as a library that is not ours reads them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Python's, which checks what it reads.
const READ: &str = "import base64, io, json, sys, zipfile
it = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
assert it.testzip() is None
names = it.namelist()
assert len(set(names)) == len(names), names
print(json.dumps({name: base64.b64encode(it.read(name)).decode() for name in names}))";

/// The files of a zip archive, by their names.
pub fn unzipped(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut python =
        Command::new("python3").args(["-c", READ]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3");
    python.stdin.take().unwrap().write_all(archive).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "no archive that can be read");
    let files: BTreeMap<String, String> = serde_json::from_slice(&output.stdout).unwrap();
    files.into_iter().map(|(name, content)| (name, STANDARD.decode(content).unwrap())).collect()
}
