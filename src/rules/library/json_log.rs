//! A line that is an object of JSON.

/// Whole texts in quotes, and what stands between them. It never begins or ends within a
/// text, so what follows it is a key or a value, and no part of what a client says.
macro_rules! json {
    () => {
        r#"(?:[^"]|"(?:[^"\\]|\\.)*")*"#
    };
}
