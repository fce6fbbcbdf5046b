//! README: its links, its pictures, and its table of dependencies.

use std::collections::BTreeSet;

use super::source::{quoted, read, root, rows};

fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
    let kept = |heading: &str| heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-')).collect();
    headings
        .map(|heading| {
            let kept: String = kept(heading);
            kept.to_lowercase().replace(' ', "-")
        })
        .collect()
}

#[test]
fn links_of_readme_lead_somewhere() {
    let readme = read("README.md");
    let anchors = anchors(&readme);
    let links = readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    let pictures = ["src=\"", "srcset=\""].into_iter().flat_map(|attribute| readme.split(attribute).skip(1));
    let pictures = pictures.map(|rest| rest.split('"').next().unwrap());
    for link in links.chain(pictures).filter(|link| !link.starts_with("https://")) {
        match link.strip_prefix('#') {
            Some(anchor) => assert!(anchors.iter().any(|known| known == anchor), "no heading for #{anchor}"),
            None => assert!(root().join(link).exists(), "{link} leads nowhere"),
        }
    }
}

#[test]
fn links_of_crates_readmes_do_not_leave_the_package() {
    for (path, readme) in super::source::files("crates", "README.md") {
        let links = readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
        for link in links.filter(|link| !link.starts_with("https://")) {
            assert!(path.with_file_name(link).is_file(), "{}: {link}", path.display());
        }
    }
}

#[test]
fn both_pictures_are_one_in_two_themes() {
    let colourless = |path: &str| {
        let picture = read(path);
        let (before, rest) = picture.split_once("<style>").unwrap();
        (before.to_owned(), rest.split_once("</style>").unwrap().1.to_owned())
    };
    assert_eq!(colourless("docs/connection-light.svg"), colourless("docs/connection-dark.svg"));
}

/// The dependencies of a manifest that are not optional.
fn dependencies(manifest: &str) -> BTreeSet<&str> {
    let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let needed = lines.filter(|line| line.contains('=') && !line.contains("optional = true"));
    needed.map(|line| line.split(['.', ' ', '=']).next().unwrap()).collect()
}

#[test]
fn dependencies_of_crates_are_those_of_the_table() {
    let readme = read("README.md");
    let mut named = 0;
    for cells in rows(&readme).iter().filter(|cells| cells[0].starts_with("`portcullis")) {
        let name = quoted(&cells[0])[0];
        let folder = name.strip_prefix("portcullis-").unwrap_or(name);
        let manifest = read(&format!("crates/{folder}/Cargo.toml"));
        assert_eq!(quoted(&cells[2]).into_iter().collect::<BTreeSet<_>>(), dependencies(&manifest), "{name}");
        named += 1;
    }
    let published = super::source::files("crates", "Cargo.toml").into_iter();
    assert_eq!(named, published.filter(|(_, manifest)| !manifest.contains("publish = false")).count());
}

#[test]
fn costs_of_a_message_are_the_bounds_of_the_benchmark() {
    let readme = read("README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    let gates = read("crates/bench/src/exact.rs");
    let bounds = |shape: &str| {
        let bounds = gates.split(&format!("Shape::{shape} => Some([")).nth(1).unwrap().split(']').next().unwrap();
        let (core, rate) = bounds.split_once(", ").unwrap();
        [core, rate].map(|bound| bound.trim_end_matches(".0").replace('_', ","))
    };
    let ([batch, batch_limited], [alone, alone_limited]) = (bounds("Batch"), bounds("Flush"));
    for text in [
        format!("at most {batch} instructions more than on a bare server, or {batch_limited} with a message limit"),
        format!("one that arrives alone costs at most {alone}, or {alone_limited}."),
    ] {
        assert!(readme.contains(&text), "README does not contain: {text}");
    }
}

/// The features of a manifest, except internal ones.
fn features(manifest: &str) -> BTreeSet<&str> {
    let table = manifest.split("[features]").nth(1).unwrap().split("\n[").next().unwrap();
    let names = table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = ["));
    names.map(|(name, _)| name).filter(|name| !matches!(*name, "default" | "internals")).collect()
}

/// The table of features of a page.
fn feature_table(page: &str) -> Vec<&str> {
    let table = page.split("# Features").nth(1).unwrap().lines();
    table.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).collect()
}

#[test]
fn every_feature_is_in_readme_and_in_the_documentation() {
    for (path, manifest) in super::source::files("crates", "Cargo.toml") {
        if manifest.contains("publish = false") || !manifest.contains("[features]") {
            continue;
        }
        let folder = path.parent().unwrap();
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
        let rows = feature_table(&readme);
        let named = rows.iter().skip(2).flat_map(|row| quoted(row.split('|').nth(1).unwrap()));
        assert_eq!(named.collect::<BTreeSet<_>>(), features(&manifest), "{}", path.display());
        if let Ok(docs) = std::fs::read_to_string(folder.join("docs/features.md")) {
            assert_eq!(feature_table(&docs), rows, "{}", path.display());
        } else {
            // The facade's table has links.
            let front = std::fs::read_to_string(folder.join("docs/front.md")).unwrap();
            let table = feature_table(&front);
            let named = table.iter().skip(2).flat_map(|row| quoted(row.split('|').nth(1).unwrap()));
            assert_eq!(named.collect::<BTreeSet<_>>(), features(&manifest), "the front page");
        }
    }
}
