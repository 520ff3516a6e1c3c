//! Text in manual pages.

/// `text` without anything that roff takes for a request.
pub(super) fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let text = text.replace('\'', "\\(aq");
    let lines: Vec<String> = text.lines().map(|line| format!("\\&{line}")).collect();
    lines.join("\n")
}
