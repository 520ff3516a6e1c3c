//! A line that is an object of JSON.
//!
//! A client chooses what stands in texts, where its quotes are escaped, and of some services
//! also objects within the line, with fields of any name. So a field is only looked for where
//! the line itself has its fields.

/// Fields of an object: whole texts in quotes, whole objects within, up to two in each other,
/// and what stands between them. It never begins or ends within a text or an object within,
/// so what follows it is a field of the same object, and no part of what a client says.
macro_rules! json {
    () => {
        r#"(?:[^"{}]|"(?:[^"\\]|\\.)*"|\{(?:[^"{}]|"(?:[^"\\]|\\.)*"|\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\})*\})*"#
    };
}

/// The rest of a line of which nothing more is asked: whole texts, and what stands between
/// them, up to its last brace. A client can not hide by objects that are deeper.
macro_rules! json_rest {
    () => {
        r#"(?:[^"]|"(?:[^"\\]|\\.)*")*\}$"#
    };
}
