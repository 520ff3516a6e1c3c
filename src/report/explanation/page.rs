use std::io::{self, Write};

/// Lines of a page: on a terminal none is wider than that, and what goes on
/// stands below what it goes on with.
pub(super) struct ExplanationPage<'a, W> {
    pub(super) out: &'a mut W,
    pub(super) width: Option<usize>,
}

impl<W: Write> ExplanationPage<'_, W> {
    /// A paragraph, `indent` columns from the left, behind `lead`.
    pub(super) fn put(&mut self, indent: usize, lead: &str, text: &str) -> io::Result<()> {
        let text = format!("{lead}{text}");
        let text = text.trim_end();
        let Some(width) = self.width else {
            return writeln!(self.out, "{:indent$}{text}", "");
        };
        let (first, below) = (" ".repeat(indent), " ".repeat(indent + lead.len()));
        // Stamps and paths are whole words.
        let options = textwrap::Options::new(width.max(20))
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .initial_indent(&first)
            .subsequent_indent(&below);
        let mut lines = textwrap::wrap(text, options).into_iter();
        lines.try_for_each(|line| writeln!(self.out, "{line}"))
    }

    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        self.put(0, "", text)
    }

    /// A word for it, and what it is.
    pub(super) fn fact(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.put(2, &format!("{name:<9}"), text)
    }

    pub(super) fn gap(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }
}
