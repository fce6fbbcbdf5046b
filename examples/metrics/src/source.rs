//! The code of the clients as a page: each button has a link to its code.

/// The code of the clients.
const CODE: &str = include_str!("traffic.rs");

/// Buttons, by their id on the page, and how the line of their code begins.
const LINES: [(&str, &str); 2] = [("traffic", "fn visitors("), ("attack", "fn attackers(")];

pub(crate) fn page() -> String {
    let item = |line: &str| ["<li>", &anchor(line), &escaped(line), "</li>\n"].concat();
    let lines: String = CODE.lines().map(item).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>src/traffic.rs</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"style.css\">\n\
         <main class=\"source\">\n<h1>examples/metrics/<span>src/traffic.rs</span></h1>\n\
         <ol>\n{lines}</ol>\n</main>\n</html>\n"
    )
}

fn anchor(line: &str) -> String {
    let button = LINES.iter().find(|(_, start)| line.starts_with(start));
    button.map(|(button, _)| format!("<span id=\"{button}\"></span>")).unwrap_or_default()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const HTML: &str = include_str!("../page/index.html");

    #[test]
    fn each_button_has_a_link_to_one_line() {
        let buttons: Vec<_> = HTML.split("<button id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(buttons, LINES.map(|(button, _)| button));
        for button in buttons {
            assert!(HTML.contains(&format!("href=\"source#{button}\"")), "{button}");
            assert_eq!(page().matches(&format!("id=\"{button}\"")).count(), 1, "{button}");
        }
    }
}
