//! Examples of a page of Markdown that are whole programs, each with the dependencies that the page states for it.

/// A program and its dependencies.
#[derive(Debug, PartialEq)]
pub(crate) struct Example {
    /// The table of dependencies.
    pub(crate) manifest: String,
    pub(crate) code: String,
    /// Whether it ends by itself.
    pub(crate) runs: bool,
}

/// Reads the blocks of Rust that have a `main`. The dependencies of each are the last table of them before it.
pub(crate) fn read(page: &str) -> Result<Vec<Example>, String> {
    let (mut manifest, mut examples) = (None, Vec::new());
    for (language, text) in blocks(page) {
        let mut words = language.split(',');
        match words.next() {
            Some("toml") if text.contains("[dependencies]") => manifest = Some(text),
            Some("rust") if text.contains("fn main()") => {
                let manifest = manifest.clone().ok_or("an example has no table of dependencies before it")?;
                let hidden = |line: &str| line.strip_prefix("# ").unwrap_or(line).to_owned() + "\n";
                let runs = words.all(|word| word != "no_run");
                examples.push(Example { manifest, code: text.lines().map(hidden).collect(), runs });
            }
            _ => {}
        }
    }
    if examples.is_empty() { Err("no example is a whole program".to_owned()) } else { Ok(examples) }
}

/// The fenced blocks, with what stands behind the opening fence.
fn blocks(page: &str) -> impl Iterator<Item = (&str, String)> {
    let mut lines = page.lines();
    std::iter::from_fn(move || {
        let language = lines.find_map(|line| line.strip_prefix("```"))?;
        let text = lines.by_ref().take_while(|line| *line != "```").map(|line| line.to_owned() + "\n").collect();
        Some((language, text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "```toml\n[dependencies]\nhttp = \"1\"\n```\n";

    #[test]
    fn examples_are_read_with_their_dependencies() {
        let page = format!(
            "{TABLE}text\n```rust,no_run\n# use a;\nfn main() {{}}\n```\n\
             ```text\nx\n```\n```rust\nasync fn main() {{}}\n```\n"
        );
        let manifest = "[dependencies]\nhttp = \"1\"\n".to_owned();
        let first = Example { manifest: manifest.clone(), code: "use a;\nfn main() {}\n".into(), runs: false };
        let second = Example { manifest, code: "async fn main() {}\n".into(), runs: true };
        assert_eq!(read(&page), Ok(vec![first, second]));
    }

    #[test]
    fn example_without_dependencies_is_an_error() {
        assert!(read("```rust\nfn main() {}\n```\n").is_err());
        assert!(read(TABLE).is_err());
    }
}
