//! Whether a pattern of the configuration can be used.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ast::{self, AssertionKind, Ast, ErrorKind, RepetitionKind, RepetitionOp};

use super::pattern::ascii_or_unicode;
use crate::model::Positions;

/// How large a compiled pattern may be.
const LARGEST: usize = 10 << 20;

/// The regex of a pattern.
///
/// # Errors
/// A sentence: what the pattern holds that can not be, and what to write instead.
pub(super) fn compile(text: &str) -> Result<Regex, String> {
    ascii_or_unicode(|unicode| {
        let mut builder = RegexBuilder::new(text);
        builder.unicode(unicode).size_limit(LARGEST).build()
    })
    .map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            "is too large: compiled it takes more than 10 MiB; shorten its counted repetitions"
                .to_owned()
        }
        _ => syntax_error(text),
    })
}

/// Whether a pattern can find failures: it compiles, means the same as in Python, has a
/// time and an address, and does not match every line.
///
/// # Errors
/// A sentence: what is wrong, and what to write instead.
pub fn check_pattern(text: &str, positions: Positions) -> Result<(), String> {
    let regex = compile(text)?;
    if let Ok(ast) = ast::parse::Parser::new().parse(text) {
        ast::visit(&ast, Changed)?;
    }
    check_groups(&regex, positions)?;
    if regex.is_match(b"") {
        return Err("matches the empty line, and so every line".to_owned());
    }
    Ok(())
}

/// Whether a pattern can say which lines are no failures: it compiles, means the same as
/// in Python, and does not match every line.
///
/// # Errors
/// A sentence: what is wrong, and what to write instead.
pub fn check_ignore_pattern(text: &str) -> Result<(), String> {
    let regex = compile(text)?;
    if let Ok(ast) = ast::parse::Parser::new().parse(text) {
        ast::visit(&ast, Changed)?;
    }
    if regex.is_match(b"") {
        return Err("matches the empty line, and so every line: no failure would count".to_owned());
    }
    Ok(())
}

fn check_groups(regex: &Regex, positions: Positions) -> Result<(), String> {
    let named = |name| regex.capture_names().flatten().any(|group| group == name);
    match (named("ip"), named("time")) {
        (true, true) => Ok(()),
        (true, false) => Err("has a group `ip` but none named `time`: (?P<time>…)".to_owned()),
        (false, true) => Err("has a group `time` but none named `ip`: (?P<ip>…)".to_owned()),
        (false, false) if regex.captures_len() > 2 => Ok(()),
        (false, false) => {
            let order = match positions {
                Positions::TimeAddress => "the time, then the address",
                Positions::AddressTime => "the address, then the time",
            };
            Err(format!(
                "needs two groups: (?P<time>…) and (?P<ip>…), or without names {order}"
            ))
        }
    }
}

/// Why `text` is no regular expression, in words for a reader who knows Python's.
fn syntax_error(text: &str) -> String {
    let error = match regex_syntax::ParserBuilder::new()
        .utf8(false)
        .build()
        .parse(text)
    {
        Err(regex_syntax::Error::Parse(error)) => error,
        Err(regex_syntax::Error::Translate(error)) => {
            return at(text, error.span().start, &error.kind().to_string());
        }
        // What is left is a limit of the compiler.
        _ => return "is too complex to be compiled".to_owned(),
    };
    let start = error.span().start;
    let rest = &text[start.offset..];
    let opened = text[..start.offset].ends_with("(?");
    let message = match error.kind() {
        ErrorKind::UnsupportedLookAround => {
            "look-ahead and look-behind, (?=…) (?!…) (?<=…) (?<!…), do not exist here: \
             write what stands there as a part of the pattern"
        }
        ErrorKind::FlagUnrecognized if opened && rest.starts_with("P=") => BACK_REFERENCE,
        ErrorKind::FlagUnrecognized
            if text[..start.offset].ends_with("(?P") && rest.starts_with('=') =>
        {
            BACK_REFERENCE
        }
        ErrorKind::UnsupportedBackreference => BACK_REFERENCE,
        ErrorKind::FlagUnrecognized if opened && rest.starts_with('>') => {
            "an atomic group, (?>…), does not exist here and is not needed: write (?:…)"
        }
        ErrorKind::FlagUnrecognized if opened && rest.starts_with('#') => {
            "a comment, (?#…), does not exist here: remove it"
        }
        ErrorKind::FlagUnrecognized if opened && rest.starts_with('(') => {
            "a conditional, (?(…)…), does not exist here: write two patterns"
        }
        ErrorKind::FlagUnrecognized if opened && rest.starts_with(['a', 'L']) => {
            "this flag does not exist here: classes are ASCII, remove it"
        }
        ErrorKind::EscapeUnrecognized if rest.starts_with(r"\Z") => {
            r"the end is written \z, not \Z"
        }
        ErrorKind::RepetitionMissing if rest.starts_with('{') => NO_REPETITION,
        ErrorKind::RepetitionCountInvalid
        | ErrorKind::RepetitionCountDecimalEmpty
        | ErrorKind::RepetitionCountUnclosed => NO_REPETITION,
        ErrorKind::ClassUnclosed => r"a [ is not closed; a literal one is written \[",
        ErrorKind::GroupUnclosed => r"a ( is not closed; a literal one is written \(",
        ErrorKind::GroupUnopened => r"a ) is not opened; a literal one is written \)",
        other => return at(text, start, &other.to_string()),
    };
    at(text, start, message)
}

const NO_REPETITION: &str = r"this { is no repetition such as {1,3}: a literal brace is written \{";

const BACK_REFERENCE: &str = "back-references, \\1 or (?P=name), do not exist here: \
                              write what the group may be once more";

fn at(text: &str, start: ast::Position, message: &str) -> String {
    let column = text[..start.offset].chars().count() + 1;
    format!("is not a regular expression: {message} (column {column})")
}

/// Stops at what Rust accepts but reads differently from Python. The error says what to
/// write instead, with the column.
struct Changed;

fn changed(span: &ast::Span, cure: &str) -> Result<(), String> {
    Err(format!("{cure} (column {})", span.start.column))
}

impl ast::Visitor for Changed {
    type Output = ();
    type Err = String;

    fn finish(self) -> Result<(), String> {
        Ok(())
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), String> {
        match ast {
            Ast::Repetition(outer)
                if is_plus(&outer.op) && matches!(*outer.ast, Ast::Repetition(_)) =>
            {
                changed(
                    &outer.span,
                    "a possessive repetition, such as .*+, does not exist here and is not \
                     needed: remove its second +",
                )
            }
            Ast::Assertion(assertion) => match assertion.kind {
                AssertionKind::WordBoundaryStartAngle => {
                    changed(&assertion.span, r"\< is the start of a word here: write <")
                }
                AssertionKind::WordBoundaryEndAngle => {
                    changed(&assertion.span, r"\> is the end of a word here: write >")
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), String> {
        match item {
            ast::ClassSetItem::Bracketed(nested) => changed(
                &nested.span,
                r"inside of […] a [ opens a class in the class here: a literal one is written \[",
            ),
            _ => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(&mut self, op: &ast::ClassSetBinaryOp) -> Result<(), String> {
        changed(
            &op.span,
            "inside of […] the doubled &&, -- and ~~ are operators here: put a \\ before each",
        )
    }
}

fn is_plus(op: &RepetitionOp) -> bool {
    op.kind == RepetitionKind::OneOrMore
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        check_pattern(text, Positions::TimeAddress).unwrap_err()
    }

    #[test]
    fn what_only_python_has_is_said_so() {
        let look = "is not a regular expression: look-ahead and look-behind, \
                    (?=…) (?!…) (?<=…) (?<!…), do not exist here: \
                    write what stands there as a part of the pattern";
        assert_eq!(wrong("(a)(?=b)(c)"), format!("{look} (column 4)"));
        for text in ["(a)(?!b)(c)", "(a)(?<=b)(c)", "(a)(?<!b)(c)"] {
            assert!(wrong(text).starts_with(look), "{}", wrong(text));
        }
        let back = "is not a regular expression: back-references, \\1 or (?P=name), do not \
                    exist here: write what the group may be once more";
        assert_eq!(wrong(r"(a)(b)\1"), format!("{back} (column 7)"));
        assert!(wrong("(?P<a>a)(b)(?P=a)").starts_with(back));
    }

    #[test]
    fn other_python_syntax_is_answered_with_ours() {
        let is = |text, message: &str| assert_eq!(wrong(text), message, "{text}");
        is(
            "(a)(?>b)(c)",
            "is not a regular expression: an atomic group, (?>…), does not exist here and is \
             not needed: write (?:…) (column 6)",
        );
        is(
            "(a)(b).*+",
            "a possessive repetition, such as .*+, does not exist here and is not needed: \
             remove its second + (column 7)",
        );
        is(
            r"(a)\<(b)",
            r"\< is the start of a word here: write < (column 4)",
        );
        is(
            r"(a)(b)\Z",
            r"is not a regular expression: the end is written \z, not \Z (column 7)",
        );
        is(
            "(a)[x[y]](b)",
            r"inside of […] a [ opens a class in the class here: a literal one is written \[ (column 6)",
        );
        is(
            "(a)[a&&b](b)",
            r"inside of […] the doubled &&, -- and ~~ are operators here: put a \ before each (column 5)",
        );
        is(
            "(a)(b)(?#c)",
            "is not a regular expression: a comment, (?#…), does not exist here: remove it \
             (column 9)",
        );
        is(
            "(a)(?(1)b|c)",
            "is not a regular expression: a conditional, (?(…)…), does not exist here: \
             write two patterns (column 6)",
        );
        is(
            "(?a)(a)(b)",
            "is not a regular expression: this flag does not exist here: classes are ASCII, \
             remove it (column 3)",
        );
        is(
            "(a)({})",
            r"is not a regular expression: this { is no repetition such as {1,3}: a literal brace is written \{ (column 5)",
        );
        is(
            "(a)(b)[",
            r"is not a regular expression: a [ is not closed; a literal one is written \[ (column 7)",
        );
        is(
            "(ä)(b",
            r"is not a regular expression: a ( is not closed; a literal one is written \( (column 4)",
        );
        is(
            "(a)(b))",
            r"is not a regular expression: a ) is not opened; a literal one is written \) (column 7)",
        );
    }

    #[test]
    fn a_pattern_needs_a_time_and_an_address() {
        let is = |text, message: &str| assert_eq!(wrong(text), message, "{text}");
        is(
            "(?P<ip>a)(b)",
            "has a group `ip` but none named `time`: (?P<time>…)",
        );
        is(
            "(?P<time>a)(b)",
            "has a group `time` but none named `ip`: (?P<ip>…)",
        );
        is(
            "(a)",
            "needs two groups: (?P<time>…) and (?P<ip>…), or without names the time, then the address",
        );
        assert_eq!(
            check_pattern("a", Positions::AddressTime).unwrap_err(),
            "needs two groups: (?P<time>…) and (?P<ip>…), or without names the address, then the time",
        );
        is("(.*)(.*)", "matches the empty line, and so every line");
        is(
            r"(\w{1000}){1000}(b)",
            "is too large: compiled it takes more than 10 MiB; shorten its counted repetitions",
        );
    }

    #[test]
    fn good_patterns_pass_over_bytes() {
        for text in [
            r"([a-zA-Z]{3}\s+\d{1,2} \d{1,2}:\d{1,2}:\d{1,2}).* Invalid user .* from (.*) port (.*)",
            r#"(.*) .* .* \[(.*) \+0000\] "POST ((?:/login/)) HTTP/1\.1" .*"#,
            "(?P<time>x+?)(?<ip>[äé]+)",
        ] {
            assert_eq!(
                check_pattern(text, Positions::TimeAddress),
                Ok(()),
                "{text}"
            );
        }
        assert!(compile("(a).(b)").unwrap().is_match(b"a\xffb"));
    }
}
