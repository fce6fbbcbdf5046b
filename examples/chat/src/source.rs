//! The code of the layers as a page: each button has a link to the line that stops it.

/// The file with the layers.
const CODE: &str = include_str!("app.rs");

/// Buttons, by their id on the page, and a text that only the line that stops them contains.
const LINES: [(&str, &str); 9] = [
    ("flood", "MessageRateLayer::per_second(5).burst(10).per_subject()"),
    ("oversize", "MessageSizeLayer::new(MAX_MESSAGE)"),
    ("expire", "JwtLayer::<User>::new(tokens.verifier()?).subprotocol(\"bearer\")"),
    ("forge", "JwtLayer::<User>::new(tokens.verifier()?).subprotocol(\"bearer\")"),
    ("tabs", "ConnectionLimitLayer::new().per_subject(Limit::new(4).evict_oldest())"),
    ("crowd", "ConnectionLimitLayer::new().global(1000).per_client_ip(16)"),
    ("hammer", "HandshakeRateLayer::per_second(4).burst(40).per_client_ip()"),
    ("elsewhere", "OriginLayer::same_origin().hosts(HOSTS)?"),
    ("crash", "connection.supervise("),
];

/// The page. Each line has an anchor for every button that it stops.
pub(crate) fn page() -> String {
    let item = |line: &str| ["<li>", &anchors(line), &escaped(line), "</li>\n"].concat();
    let lines: String = CODE.lines().map(item).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>src/app.rs</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"style.css\">\n\
         <main class=\"source\">\n<h1>examples/chat/<span>src/app.rs</span></h1>\n\
         <ol class=\"card\">\n{lines}</ol>\n</main>\n</html>\n"
    )
}

fn anchors(line: &str) -> String {
    let stopped = LINES.iter().filter(|(_, text)| line.contains(text));
    stopped.map(|(button, _)| ["<span id=\"", button, "\"></span>"].concat()).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const README: &str = include_str!("../README.md");

    /// The id and the title of each button.
    fn buttons() -> Vec<(&'static str, &'static str)> {
        let entries = include_str!("../page/mischief.js").split("{ id: '").skip(1);
        entries
            .map(|entry| {
                let mut quoted = entry.split('\'');
                (quoted.next().unwrap(), quoted.nth(1).unwrap())
            })
            .collect()
    }

    #[test]
    fn each_button_links_to_one_line_which_is_in_the_readme() {
        let page = page();
        let buttons = buttons();
        assert_eq!(buttons.len(), LINES.len());
        for (id, title) in buttons {
            let (_, text) = LINES.iter().find(|(button, _)| *button == id).unwrap();
            assert_eq!(CODE.matches(text).count(), 1, "{text}");
            assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
            let row =
                README.lines().find(|line| line.starts_with('|') && line.contains(&format!("*{title}*"))).unwrap();
            let (constructor, _) = text.split_once("::").unwrap_or(("supervise", ""));
            assert!(row.contains(constructor) || row.contains("the same"), "{title}: {row}");
        }
    }
}
