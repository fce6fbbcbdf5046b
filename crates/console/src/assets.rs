//! The files of the page, which are embedded in the binary.

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! assets {
    ($($path:literal is $file:literal, $kind:ident;)*) => {
        &[$(Asset { path: $path, kind: $kind, text: include_str!(concat!("../page/", $file)) }),*]
    };
}

const ASSETS: &[Asset] = assets! {
    "" is "index.html", HTML;
    "style.css" is "style.css", CSS;
    "app.js" is "app.js", SCRIPT;
    "actions.js" is "actions.js", SCRIPT;
    "charts.js" is "charts.js", SCRIPT;
    "dom.js" is "dom.js", SCRIPT;
    "history.js" is "history.js", SCRIPT;
    "overview.js" is "overview.js", SCRIPT;
    "table.js" is "table.js", SCRIPT;
};

/// The file at a path.
pub(crate) fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page contains nothing that its policy would block, or that could turn a peer's text into markup.
    #[test]
    fn nothing_is_inline_nothing_comes_from_elsewhere_and_no_text_becomes_markup() {
        for Asset { path, text, .. } in ASSETS {
            let said = text.replace("http://www.w3.org/2000/svg", "");
            for forbidden in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "Function(",
                "DOMParser",
                "srcdoc",
                "javascript:",
                " style=",
                "setAttribute('style'",
                "http://",
                "https://",
                "@import",
                "url(",
            ] {
                assert!(!said.contains(forbidden), "{path:?} has {forbidden}");
            }
            assert!(!said.contains("onclick=") && !said.contains("<script>"), "{path:?} has a script of its own");
        }
    }

    #[test]
    fn the_page_refers_only_to_files_that_exist() {
        let page = find("").unwrap().text;
        let named = ["src=\"", "href=\""].into_iter().flat_map(|attribute| page.split(attribute).skip(1));
        let named: Vec<_> = named.map(|rest| rest.split('"').next().unwrap()).collect();
        let files: Vec<_> = named.into_iter().filter(|name| !name.starts_with(['#', 'd'])).collect();
        assert!(files.len() >= 2, "{files:?}");
        for file in files {
            assert!(find(file).is_some(), "{file}");
        }
        let imported = ASSETS.iter().flat_map(|asset| asset.text.split("from './").skip(1));
        for file in imported.map(|rest| rest.split('\'').next().unwrap()) {
            assert!(find(file).is_some(), "{file}");
        }
    }
}
