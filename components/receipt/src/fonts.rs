//! What papers are set in.
//!
//! Built in: DejaVu Sans (Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew, Arabic and more) and Noto Emoji. For every other script a font is
//! looked for in the folder [`FOLDER`], which the host grants: TrueType and OpenType files, in folders or not, of which only those are read whose
//! characters are needed. A character that no font has is drawn as an empty box, and the paper says so.

use crate::limits;
use krilla::text::Font;
use rustybuzz::Face;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Where the host puts fonts.
pub const FOLDER: &str = "/fonts";

/// A font, ready to measure and to draw with.
pub struct Typeface {
    /// For the document.
    pub font: Font,
    /// For shaping.
    pub face: Face<'static>,
}

impl Typeface {
    fn new(data: &'static [u8]) -> Option<Self> {
        Some(Self { font: Font::new(data.into(), 0)?, face: Face::from_slice(data, 0)? })
    }

    fn has(&self, letter: char) -> bool {
        self.face.glyph_index(letter).is_some_and(|glyph| glyph.0 != 0)
    }
}

/// A font in the folder, known by what it covers until it is needed.
struct Candidate {
    path: PathBuf,
    bold: bool,
    /// Its table `cmap`.
    coverage: Vec<u8>,
    bytes: u64,
    loaded: Option<Option<Rc<Typeface>>>,
}

/// The fonts of this instance. What is read of the folder stays in memory, within `limits::FONTS_BYTES`.
pub struct Library {
    regular: Rc<Typeface>,
    bold: Rc<Typeface>,
    emoji: Rc<Typeface>,
    folder: PathBuf,
    candidates: Option<Vec<Candidate>>,
    /// What was found in the folder already, by characters and weight.
    found: HashMap<(String, bool), Option<Rc<Typeface>>>,
    bytes: u64,
}

thread_local! {
    static LIBRARY: RefCell<Option<Library>> = const { RefCell::new(None) };
}

/// Does something with this instance's fonts. None where a font that is built in is broken, a fault of ours.
pub fn with<T>(work: impl FnOnce(&mut Library) -> T) -> Option<T> {
    LIBRARY.with_borrow_mut(|library| {
        if library.is_none() {
            *library = Library::new(FOLDER.into());
        }
        library.as_mut().map(work)
    })
}

impl Library {
    /// Fonts that are built in, and those of a folder, which need not be there.
    pub fn new(folder: PathBuf) -> Option<Self> {
        Some(Self {
            regular: Rc::new(Typeface::new(dejavu::sans::regular())?),
            bold: Rc::new(Typeface::new(dejavu::sans::bold())?),
            emoji: Rc::new(Typeface::new(epaint_default_fonts::NOTO_EMOJI_REGULAR)?),
            folder,
            candidates: None,
            found: HashMap::new(),
            bytes: 0,
        })
    }

    /// The font that has all of these characters, what is drawn as nothing aside; none where there is none.
    pub fn choose(&mut self, cluster: &str, bold: bool) -> Option<Rc<Typeface>> {
        let wanted: Vec<char> = cluster.chars().filter(|letter| !is_invisible(*letter)).collect();
        let [first, second] = if bold { [&self.bold, &self.regular] } else { [&self.regular, &self.bold] };
        let built_in =
            [first, second, &self.emoji].into_iter().find(|typeface| wanted.iter().all(|letter| typeface.has(*letter)));
        if let Some(typeface) = built_in {
            return Some(Rc::clone(typeface));
        }
        let key = (cluster.to_owned(), bold);
        if let Some(found) = self.found.get(&key) {
            return found.clone();
        }
        let found = self.in_folder(&wanted, bold);
        if self.found.len() >= limits::FOUND {
            self.found.clear();
        }
        self.found.insert(key, found.clone());
        found
    }

    fn in_folder(&mut self, wanted: &[char], bold: bool) -> Option<Rc<Typeface>> {
        let folder = &self.folder;
        let candidates = self.candidates.get_or_insert_with(|| candidates(folder));
        let fits = |candidate: &Candidate| covers(&candidate.coverage, wanted);
        // In the weight that is wanted, or else in any.
        for weight in [Some(bold), None] {
            for candidate in candidates.iter_mut().filter(|it| weight.is_none_or(|bold| it.bold == bold)) {
                if matches!(candidate.loaded, Some(None)) || !fits(candidate) {
                    continue;
                }
                let room = limits::FONTS_BYTES.saturating_sub(self.bytes);
                if candidate.loaded.is_none() {
                    let typeface = (candidate.bytes <= room).then(|| load(&candidate.path)).flatten();
                    self.bytes += typeface.as_ref().map_or(0, |_| candidate.bytes);
                    candidate.loaded = Some(typeface.map(Rc::new));
                }
                if let Some(Some(typeface)) = &candidate.loaded {
                    return Some(Rc::clone(typeface));
                }
            }
        }
        None
    }

    /// What stands for a character that no font has: its empty box.
    pub fn last_resort(&self) -> Rc<Typeface> {
        Rc::clone(&self.regular)
    }
}

/// Whether a character is drawn as nothing, so that no font need have it: joiners, variation selectors, marks of direction.
pub fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Once for an instance: what is read stays.
fn load(path: &Path) -> Option<Typeface> {
    Typeface::new(fs::read(path).ok()?.leak())
}

fn covers(table: &[u8], wanted: &[char]) -> bool {
    let Some(table) = ttf_parser::cmap::Table::parse(table) else { return false };
    let has = |letter: char| {
        let subtables = table.subtables.into_iter().filter(|subtable| subtable.is_unicode());
        subtables.filter_map(|subtable| subtable.glyph_index(letter.into())).any(|glyph| glyph.0 != 0)
    };
    wanted.iter().all(|letter| has(*letter))
}

/// The fonts of a folder, those that read best in a line of text first.
fn candidates(folder: &Path) -> Vec<Candidate> {
    let (mut files, mut folders) = (Vec::new(), vec![(folder.to_owned(), 0)]);
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() && depth < limits::FONT_FOLDERS {
                folders.push((path, depth + 1));
            } else if is_font(&path) && files.len() < limits::FONT_FILES {
                files.push(path);
            }
        }
    }
    files.sort_by_cached_key(|path| {
        let name = name(path);
        let unlike = [
            "serif",
            "mono",
            "italic",
            "oblique",
            "nastaliq",
            "kufi",
            "display",
            "condensed",
            "light",
            "thin",
            "black",
            "looped",
        ];
        (unlike.iter().filter(|word| name.contains(*word)).count(), !name.contains("sans"), name.contains("ui-"), name)
    });
    files.into_iter().filter_map(candidate).collect()
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default()
}

fn is_font(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["ttf", "otf", "ttc"].iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// Reads what a font covers, and no more of it.
fn candidate(path: PathBuf) -> Option<Candidate> {
    let mut file = File::open(&path).ok()?;
    let bytes = file.metadata().ok()?.len();
    if bytes > limits::FONT_BYTES {
        return None;
    }
    let mut read = |at: u32, bytes: u32| {
        let mut buffer = vec![0; bytes as usize];
        file.seek(SeekFrom::Start(at.into())).ok()?;
        file.read_exact(&mut buffer).ok()?;
        Some(buffer)
    };
    // Of a collection, its first font.
    let start = if read(0, 4)? == b"ttcf" { number(&read(12, 4)?)? } else { 0 };
    let tables = number(&read(start, 6)?.split_off(4))?;
    let directory = read(start + 12, tables.min(64) * 16)?;
    let entry = directory.chunks_exact(16).find(|entry| entry.starts_with(b"cmap"))?;
    let (at, length) = (number(entry.get(8..12)?)?, number(entry.get(12..16)?)?);
    let coverage = read(at, Some(length).filter(|length| *length <= limits::COVERAGE_BYTES)?)?;
    let bold = name(&path).contains("bold");
    Some(Candidate { path, bold, coverage, bytes, loaded: None })
}

/// Big-endian.
fn number(bytes: &[u8]) -> Option<u32> {
    (bytes.len() <= 4).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a font for letters that only it has.
    fn folder() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("marquee-fonts-{}", std::process::id()));
        fs::create_dir_all(folder.join("deeper")).unwrap();
        fs::write(folder.join("deeper/Icons-Regular.ttf"), epaint_default_fonts::EGUI_ICONS).unwrap();
        fs::write(folder.join("broken.ttf"), b"no font at all").unwrap();
        fs::write(folder.join("README.md"), b"no font either").unwrap();
        folder
    }

    #[test]
    fn a_font_of_the_folder_is_used_where_none_that_is_built_in_has_the_letter() {
        let folder = folder();
        let icons = Face::from_slice(epaint_default_fonts::EGUI_ICONS, 0).unwrap();
        let only_there = (0xE000..0xF900).filter_map(char::from_u32).find(|letter| icons.glyph_index(*letter).is_some()).unwrap();
        let mut library = Library::new(folder.clone()).unwrap();
        for letter in ["a", "ש", "ع", "Ω", "ж", "🎉"] {
            library.choose(letter, false).unwrap();
        }
        assert!(library.candidates.is_none(), "the folder is not even looked at for what is built in");
        for _ in 0..2 {
            assert!(library.choose(&only_there.to_string(), true).unwrap().has(only_there));
            assert!(library.choose("東", false).is_none(), "nobody has it");
        }
        assert_eq!(library.bytes, epaint_default_fonts::EGUI_ICONS.len() as u64, "it was read once, and nothing else was");
        fs::remove_dir_all(folder).unwrap();
        assert!(Library::new("/nowhere".into()).unwrap().choose("東", false).is_none(), "a folder need not be there");
    }
}
