//! Checks that the pages for users of other servers quote existing code.

use super::source::{files, read, rows};

#[test]
fn each_row_names_existing_code() {
    let pages = files("crates/portcullis/docs/guide/coming_from", ".md");
    assert_eq!(pages.len(), 5);
    for (page, text) in pages {
        let rows = rows(&text);
        assert!(rows.len() >= 10, "{}: {} rows", page.display(), rows.len());
        for cells in rows {
            let shown = cells.last().unwrap().trim_matches('`');
            let (path, code) = shown.split_once("`<br>`").unwrap_or_else(|| panic!("{}: {shown}", page.display()));
            assert!(read(path).contains(code), "{}: no `{code}` in {path}", page.display());
        }
    }
}
