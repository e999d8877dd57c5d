//! Zip archives (APPNOTE 6.3.10) of files that are stored as they are: what is put in here, PDFs and pictures, is compressed already.
//!
//! Made in memory, by components and by hosts. [`files`] reads what [`Archive`] makes and nothing else: that is how an edge makes one archive of those that
//! regions answer with. Names are UTF-8; there are no dates, so that the same files make the same archive.

mod limits;

use std::ops::Range;

/// Why there is no archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More than an archive takes.
    #[error("an archive takes {} files and {} bytes, and names of {} bytes", limits::FILES, limits::BYTES, limits::NAME_BYTES)]
    TooLarge,
    /// A name that leads somewhere else when it is unpacked, or to nothing.
    #[error("a file in an archive has a relative name of plain characters")]
    Name,
    /// Not what [`Archive`] makes.
    #[error("not an archive that was made here")]
    Foreign,
}

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// 2.0: folders, which names have.
const VERSION: u16 = 20;
/// That the name is UTF-8.
const FLAGS: u16 = 1 << 11;
const STORED: u16 = 0;
/// The first instant that there is: midnight, 1 January 1980.
const TIME: u16 = 0;
const DATE: u16 = 1 << 5 | 1;
/// Bytes of the fixed parts.
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;

/// An archive in the making.
#[derive(Debug, Default)]
pub struct Archive {
    /// Files, each behind its head.
    files: Vec<u8>,
    /// What stands at the end: where each of them begins.
    directory: Vec<u8>,
    count: usize,
}

impl Archive {
    /// An archive without files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes of the archive, if it ended here.
    #[must_use]
    pub fn size(&self) -> usize {
        self.files.len() + self.directory.len() + END_BYTES
    }

    /// Adds a file. Folders stand in its name, with `/`.
    ///
    /// # Errors
    /// Where the archive would be larger than the format permits, or the name is none.
    pub fn add(&mut self, name: &str, content: &[u8]) -> Result<(), Error> {
        if !is_name(name) {
            return Err(Error::Name);
        }
        let added = LOCAL_BYTES + CENTRAL_BYTES + 2 * name.len();
        let size = self.size().saturating_add(content.len()).saturating_add(added);
        if name.len() > limits::NAME_BYTES || self.count >= limits::FILES || size > limits::BYTES {
            return Err(Error::TooLarge);
        }
        let offset = number(self.files.len())?;
        let mut head = Vec::with_capacity(CENTRAL_BYTES);
        for word in [VERSION, FLAGS, STORED, TIME, DATE] {
            head.extend(word.to_le_bytes());
        }
        for word in [crc32fast::hash(content), number(content.len())?, number(content.len())?] {
            head.extend(word.to_le_bytes());
        }
        let length = u16::try_from(name.len()).map_err(|_| Error::TooLarge)?;
        // The name's length, and that of an extra field, of which there is none.
        head.extend(length.to_le_bytes());
        head.extend(0_u16.to_le_bytes());

        self.files.extend(LOCAL.to_le_bytes());
        self.files.extend(&head);
        self.files.extend(name.as_bytes());
        self.files.extend(content);

        self.directory.extend(CENTRAL.to_le_bytes());
        self.directory.extend(VERSION.to_le_bytes());
        self.directory.extend(&head);
        // No comment, the first disk, no attributes.
        self.directory.extend([0; 10]);
        self.directory.extend(offset.to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.count += 1;
        Ok(())
    }

    /// The archive.
    ///
    /// # Errors
    /// None that [`Archive::add`] lets come so far.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        let Self { mut files, directory, count } = self;
        let count = u16::try_from(count).map_err(|_| Error::TooLarge)?;
        let (offset, length) = (number(files.len())?, number(directory.len())?);
        files.extend(directory);
        files.extend(END.to_le_bytes());
        // One disk.
        files.extend([0; 4]);
        files.extend(count.to_le_bytes());
        files.extend(count.to_le_bytes());
        files.extend(length.to_le_bytes());
        files.extend(offset.to_le_bytes());
        files.extend(0_u16.to_le_bytes());
        Ok(files)
    }
}

fn number(length: usize) -> Result<u32, Error> {
    u32::try_from(length).map_err(|_| Error::TooLarge)
}

/// Whether whoever unpacks a file of this name has it below where they are, on any system.
fn is_name(name: &str) -> bool {
    let plain = |character: char| !character.is_control() && !matches!(character, '\\' | ':');
    name.chars().all(plain) && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// The files of an archive, by their names, in order.
///
/// # Errors
/// Where it is not one of ours, and whole.
pub fn files(archive: &[u8]) -> Result<Vec<(&str, &[u8])>, Error> {
    let mut rest = archive;
    let mut all = Vec::new();
    loop {
        let signature = u32_at(rest, 0)?;
        if signature == CENTRAL || signature == END {
            break;
        }
        if signature != LOCAL || all.len() >= limits::FILES {
            return Err(Error::Foreign);
        }
        let (flags, method) = (u16_at(rest, 6)?, u16_at(rest, 8)?);
        let (crc, packed, size) = (u32_at(rest, 14)?, u32_at(rest, 18)?, u32_at(rest, 22)?);
        let (name, extra) = (usize::from(u16_at(rest, 26)?), u16_at(rest, 28)?);
        if (flags, method, extra) != (FLAGS, STORED, 0) || packed != size {
            return Err(Error::Foreign);
        }
        let begin = LOCAL_BYTES + name;
        let end = begin.saturating_add(usize::try_from(size).map_err(|_| Error::TooLarge)?);
        let name = std::str::from_utf8(part(rest, LOCAL_BYTES..begin)?).map_err(|_| Error::Foreign)?;
        let content = part(rest, begin..end)?;
        if !is_name(name) || crc32fast::hash(content) != crc {
            return Err(Error::Foreign);
        }
        all.push((name, content));
        rest = part(rest, end..rest.len())?;
    }
    // One that was cut off has no end, or another one.
    let end = part(archive, archive.len().saturating_sub(END_BYTES)..archive.len())?;
    let (count, offset) = (usize::from(u16_at(end, 10)?), u32_at(end, 16)?);
    let whole = u32_at(end, 0)? == END && count == all.len() && number(archive.len() - rest.len())? == offset;
    if whole { Ok(all) } else { Err(Error::Foreign) }
}

fn part(bytes: &[u8], range: Range<usize>) -> Result<&[u8], Error> {
    bytes.get(range).ok_or(Error::Foreign)
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Error> {
    let bytes = part(bytes, at..at + 2)?;
    bytes.try_into().map(u16::from_le_bytes).map_err(|_| Error::Foreign)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Error> {
    let bytes = part(bytes, at..at + 4)?;
    bytes.try_into().map(u32::from_le_bytes).map_err(|_| Error::Foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [(&str, &[u8]); 3] = [("eu/data.json", b"{}"), ("eu/papers/\u{a0}Straße.pdf", &[0, 255, 7]), ("empty", b"")];

    fn made(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = Archive::new();
        for (name, content) in files {
            archive.add(name, content).unwrap();
        }
        let size = archive.size();
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len(), size);
        bytes
    }

    #[test]
    fn what_was_put_in_comes_out() {
        for count in 0..=FILES.len() {
            let archive = made(&FILES[..count]);
            assert_eq!(files(&archive).unwrap(), FILES[..count]);
        }
    }

    /// As Python's library reads it, and checks it.
    #[test]
    fn a_library_that_is_not_ours_reads_it() {
        let file = std::env::temp_dir().join(format!("archive-{}.zip", std::process::id()));
        std::fs::write(&file, made(&FILES)).unwrap();
        let program = "import json, sys, zipfile; it = zipfile.ZipFile(sys.argv[1]); \
                       print(json.dumps([it.testzip(), [[name, list(it.read(name))] for name in it.namelist()]]))";
        let output = std::process::Command::new("python3").args(["-c", program]).arg(&file).output().unwrap();
        std::fs::remove_file(&file).unwrap();
        let expected =
            r#"[null, [["eu/data.json", [123, 125]], ["eu/papers/\u00a0Stra\u00dfe.pdf", [0, 255, 7]], ["empty", []]]]"#;
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), expected, "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        let mut archive = Archive::new();
        for name in ["", "/etc/passwd", "../a", "a/../b", "a//b", "a/", "a\\b", "c:a", "a\0b", "."] {
            assert_eq!(archive.add(name, b""), Err(Error::Name), "{name:?}");
        }
        assert_eq!(archive.add(&"a".repeat(limits::NAME_BYTES + 1), b""), Err(Error::TooLarge));
        archive.add(&"a".repeat(limits::NAME_BYTES), b"").unwrap();
    }

    #[test]
    fn what_is_cut_off_or_spoiled_is_refused() {
        let archive = made(&FILES);
        for length in 0..archive.len() {
            assert_eq!(files(&archive[..length]), Err(Error::Foreign), "{length}");
        }
        let mut spoiled = archive.clone();
        spoiled[LOCAL_BYTES + FILES[0].0.len()] ^= 1;
        assert_eq!(files(&spoiled), Err(Error::Foreign));
    }

    #[test]
    fn fuzz_archives() {
        fuzz::bytes(&[&made(&FILES), &made(&[])], |bytes| {
            if let Ok(found) = files(bytes) {
                assert!(found.iter().all(|(name, content)| is_name(name) && name.len() + content.len() <= bytes.len()));
            }
        });
    }
}
