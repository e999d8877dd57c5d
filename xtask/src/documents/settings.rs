//! Settings of nodes' files: the structs that they are read into, beside their documentation.

use super::{CONFIGURATION, Fault, markdown::Document, source};
use anyhow::{Context, Result, bail};
use std::{collections::BTreeSet, path::Path};
use syn::{Attribute, Fields, GenericArgument, Item, ItemEnum, ItemStruct, PathArguments, Token, Type};

/// Kinds of nodes, and what their files are read into.
const KINDS: [(&str, &str); 4] =
    [("region", "RegionNode"), ("edge", "EdgeNode"), ("worker", "WorkerNode"), ("control", "ControlNode")];
/// Types of a value that stands for itself.
const VALUES: [&str; 9] = ["BTreeMap", "String", "PathBuf", "SocketAddr", "bool", "i32", "u32", "u64", "usize"];
/// Sections within sections; more are a circle.
const DEPTH: usize = 8;

/// Settings without documentation, and documentation without settings.
pub fn check(root: &Path, document: &Document) -> Result<Vec<Fault>> {
    let model = Model::read(root)?;
    let mut settings = BTreeSet::new();
    for (kind, name) in KINDS {
        let (place, _) =
            model.structs.iter().find(|(_, known)| known.ident == name).with_context(|| format!("there is no struct {name}"))?;
        let mut paths = Vec::new();
        model.paths(place, name, "", 0, &mut paths)?;
        settings.extend(paths.into_iter().map(|path| (kind.to_owned(), path)));
    }
    Ok(compare(&settings, document))
}

fn compare(settings: &BTreeSet<(String, String)>, document: &Document) -> Vec<Fault> {
    let mut documented = Vec::new();
    for (line, cells) in document.rows("setting") {
        let paths = cells.first().into_iter().flat_map(|cell| &cell.code).flat_map(|path| expanded(path));
        let kinds = cells.get(1).map_or("", |cell| cell.text.as_str());
        documented.extend(paths.flat_map(|path| kinds.split(", ").map(move |kind| (line, (kind.to_owned(), path.clone())))));
    }
    let missing = settings.iter().filter(|setting| documented.iter().all(|(_, known)| known != *setting));
    let missing = missing.map(|(kind, path)| {
        Fault::new(CONFIGURATION, 1, format!("the file of a node of kind {kind} has {path}, which is not in it"))
    });
    let gone = documented.iter().filter(|(_, setting)| !settings.contains(setting));
    let gone = gone.map(|(line, (kind, path))| {
        Fault::new(&document.file, *line, format!("the file of a node of kind {kind} has no {path}"))
    });
    missing.chain(gone).collect()
}

/// `a.{b,c}` is `a.b` and `a.c`.
fn expanded(path: &str) -> Vec<String> {
    let Some((before, (within, after))) = path.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    else {
        return vec![path.to_owned()];
    };
    within.split(',').flat_map(|name| expanded(&format!("{before}{}{after}", name.trim()))).collect()
}

/// Where a type is: its crate's folder, and its file.
type Place = (String, String);

/// What is read from files, in the host's crates.
#[derive(Default)]
struct Model {
    structs: Vec<(Place, ItemStruct)>,
    enums: Vec<(Place, ItemEnum)>,
}

impl Model {
    fn read(root: &Path) -> Result<Self> {
        let mut model = Self::default();
        for source in source::rust(root, "host")?.into_iter().filter(|source| source.file.contains("/src/")) {
            if source.text.contains("Deserialize") {
                model.add(&source.file, source.without_tests())?;
            }
        }
        Ok(model)
    }

    fn add(&mut self, file: &str, text: &str) -> Result<()> {
        let place = || (file.split('/').nth(1).unwrap_or_default().to_owned(), file.to_owned());
        for item in syn::parse_file(text).with_context(|| file.to_owned())?.items {
            match item {
                Item::Struct(item) if is_read(&item.attrs) => self.structs.push((place(), item)),
                Item::Enum(item) if is_read(&item.attrs) => self.enums.push((place(), item)),
                _ => {}
            }
        }
        Ok(())
    }

    /// The struct that is called so from there: of that file, of that crate, or of the only crate that has one.
    fn find(&self, from: &Place, names: &[String]) -> Result<Option<(&Place, &ItemStruct)>> {
        let Some(name) = names.last() else { return Ok(None) };
        let called = self.structs.iter().filter(|(_, item)| item.ident == name.as_str());
        let all: Vec<(&Place, &ItemStruct)> = called.map(|(place, item)| (place, item)).collect();
        let chosen = |wanted: &dyn Fn(&Place) -> bool| {
            let found: Vec<_> = all.iter().filter(|(place, _)| wanted(place)).collect();
            match found.as_slice() {
                [one] => Some(**one),
                _ => None,
            }
        };
        let of_crate = names.first().filter(|_| names.len() > 1).filter(|name| all.iter().any(|(place, _)| place.0 == **name));
        let found = match of_crate {
            Some(name) => chosen(&|place| place.0 == *name),
            None => chosen(&|place| place == from).or_else(|| chosen(&|place| place.0 == from.0)).or_else(|| chosen(&|_| true)),
        };
        if found.is_none() && !all.is_empty() {
            bail!("{}: several structs are called {name}", from.1);
        }
        Ok(found)
    }

    /// The paths of all settings of a struct, in a section.
    fn paths(&self, place: &Place, name: &str, section: &str, depth: usize, paths: &mut Vec<String>) -> Result<()> {
        let found = self.find(place, &[name.to_owned()])?;
        let (place, item) = found.with_context(|| format!("there is no struct {name}"))?;
        if depth > DEPTH {
            bail!("{}: {name} is within itself", place.1);
        }
        // Another struct is read, and made into this one.
        if let Some(other) = Serde::of(&item.attrs)?.try_from {
            return self.paths(place, &other, section, depth + 1, paths);
        }
        let Fields::Named(fields) = &item.fields else { bail!("{}: {name} has no names for its fields", place.1) };
        for field in &fields.named {
            let serde = Serde::of(&field.attrs)?;
            let Some(ident) = field.ident.as_ref().filter(|_| !serde.skip) else { continue };
            let path = format!("{section}{}", serde.rename.unwrap_or_else(|| ident.to_string()));
            let (names, many) = unwrapped(&field.ty);
            let last = names.last().map(String::as_str).unwrap_or_default();
            if let Some((place, item)) = self.find(place, &names)? {
                let section = format!("{path}{}.", if many { "[]" } else { "" });
                self.paths(place, &item.ident.to_string(), &section, depth + 1, paths)?;
            } else if VALUES.contains(&last) || self.enums.iter().any(|(_, item)| item.ident == last) {
                paths.push(path);
            } else {
                bail!("{}: {path} is a {last}: say in xtask/src/documents/settings.rs that this is a value", place.1);
            }
        }
        Ok(())
    }
}

/// Whether a type is read from a file.
fn is_read(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("derive")
            && attribute.parse_args_with(syn::punctuated::Punctuated::<syn::Path, Token![,]>::parse_terminated).is_ok_and(
                |derived| derived.iter().any(|path| path.segments.last().is_some_and(|last| last.ident == "Deserialize")),
            )
    })
}

/// What an `Option`, a `Vec` or a type itself is of, and whether there may be many.
fn unwrapped(of: &Type) -> (Vec<String>, bool) {
    let Type::Path(path) = of else { return (Vec::new(), false) };
    let Some(last) = path.path.segments.last() else { return (Vec::new(), false) };
    let within = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::Type(within) => Some(within),
            _ => None,
        }),
        _ => None,
    };
    match within {
        Some(within) if last.ident == "Option" => unwrapped(within),
        Some(within) if last.ident == "Vec" => (unwrapped(within).0, true),
        _ => (path.path.segments.iter().map(|segment| segment.ident.to_string()).collect(), false),
    }
}

/// A field's serde attributes.
#[derive(Default)]
struct Serde {
    skip: bool,
    rename: Option<String>,
    try_from: Option<String>,
}

impl Serde {
    /// Fails at what would change how settings are called, and is not known here.
    fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut serde = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            attribute.parse_nested_meta(|meta| {
                let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
                let value = match meta.value() {
                    Ok(value) => Some(value.parse::<syn::LitStr>()?.value()),
                    Err(_) => None,
                };
                match name.as_str() {
                    "skip" => serde.skip = true,
                    "rename" => serde.rename = value,
                    "try_from" => serde.try_from = value,
                    "default" | "deny_unknown_fields" => {}
                    _ => return Err(meta.error("not known to xtask/src/documents/settings.rs")),
                }
                Ok(())
            })?;
        }
        Ok(serde)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "
        #[derive(Debug, Deserialize)] #[serde(deny_unknown_fields)]
        pub struct RegionNode { pub name: String, listen: Listen, #[serde(default)] rates: edge::Rates, regions: Vec<Region>, kafka: Option<Kafka>,
            #[serde(skip, default = \"x\")] secret: Unknown, #[serde(rename = \"type\")] kind: Option<Protocol>, nodes: Vec<SocketAddr> }
        #[derive(Deserialize)] pub struct Listen { admin: SocketAddr }
        #[derive(Deserialize)] struct Region { name: String }
        #[derive(serde::Deserialize)] #[serde(try_from = \"Said\")] struct Kafka { other: Duration }
        #[derive(Deserialize)] struct Said { brokers: Vec<String> }
        #[derive(Deserialize)] enum Protocol { Plain }
        struct Rates { not_read: u32 }";
    const OTHER: &str =
        "#[derive(Deserialize)] pub struct Rates { user: Quota } #[derive(Deserialize)] struct Quota { burst: u32 }
        #[derive(Deserialize)] struct Region { of_another_crate: u32 }";

    fn model(one: &str) -> Model {
        let mut model = Model::default();
        model.add("host/marquee/src/config.rs", one).unwrap();
        model.add("host/edge/src/rates.rs", OTHER).unwrap();
        model
    }

    fn paths(one: &str) -> Result<Vec<String>> {
        let mut paths = Vec::new();
        let place = ("marquee".to_owned(), "host/marquee/src/config.rs".to_owned());
        model(one).paths(&place, "RegionNode", "", 0, &mut paths)?;
        Ok(paths)
    }

    #[test]
    fn settings_are_what_serde_reads() {
        let expected = ["name", "listen.admin", "rates.user.burst", "regions[].name", "kafka.brokers", "type", "nodes"];
        assert_eq!(paths(ONE).unwrap(), expected);
        let error = paths(&ONE.replace("pub name: String", "#[serde(flatten)] name: String")).unwrap_err().to_string();
        assert!(error.contains("not known"), "{error}");
        let error = paths(&ONE.replace("pub name: String", "pub name: Duration")).unwrap_err().to_string();
        assert!(error.contains("name is a Duration"), "{error}");
    }

    #[test]
    fn settings_are_compared_with_their_documentation() {
        let text = "| setting | files |\n|---|---|\n| `a.{b,c}` | region, edge |\n| `old` | region |\n";
        let setting = |kind: &str, path: &str| (kind.to_owned(), path.to_owned());
        let settings =
            [setting("region", "a.b"), setting("region", "a.c"), setting("edge", "a.b"), setting("edge", "new")].into();
        let said: Vec<_> = compare(&settings, &Document::parse("c.md", text)).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "docs/configuration.md:1: the file of a node of kind edge has new, which is not in it",
                "c.md:3: the file of a node of kind edge has no a.c",
                "c.md:4: the file of a node of kind region has no old",
            ]
        );
    }
}
