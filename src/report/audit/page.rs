//! What a page in a terminal is made of: headings and paragraphs.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::words;

/// How wide paragraphs are where no terminal says it.
pub(super) const PAGE: usize = 100;

pub(super) fn red() -> Style {
    AnsiColor::Red.on_default()
}

/// A heading, with how many of all are shown below it.
pub(super) fn heading(text: &mut String, title: &str, shown: usize, all: usize) {
    let bold = Style::new().bold().underline();
    let _ = write!(text, "\n{bold}{title}{bold:#}");
    if shown < all {
        let (shown, all) = (words::number(shown as u64), words::number(all as u64));
        let _ = write!(text, " (the first {shown} of {all})");
    }
    text.push('\n');
}

/// A paragraph, broken at blanks.
pub(super) fn paragraph(text: &mut String, sentence: &str, width: Option<usize>) {
    let options = textwrap::Options::new(width.unwrap_or(PAGE))
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    *text += &textwrap::fill(sentence, options);
    text.push('\n');
}
