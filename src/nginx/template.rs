//! Values with variables in them, as `ngx_http_script_compile` cuts them.

use super::error::Problem;

/// A piece of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'t> {
    Text(&'t [u8]),
    /// `$name` or `${name}`.
    Variable(&'t [u8]),
    /// `$1` to `$9`, always one digit.
    Capture(u8),
}

/// Cuts a value. Names are letters, digits and underscores; there is no way to write a literal `$`.
pub(crate) fn parts(value: &[u8]) -> Result<Vec<Part<'_>>, Problem> {
    let mut parts = Vec::new();
    let mut rest = value;
    while let Some(dollar) = rest.iter().position(|byte| *byte == b'$') {
        let (text, after) = rest.split_at(dollar);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        let after = after.get(1..).unwrap_or_default();
        if let Some((digit @ b'1'..=b'9', after)) = after.split_first() {
            parts.push(Part::Capture(digit - b'0'));
            rest = after;
            continue;
        }
        let (braced, after) = match after.strip_prefix(b"{") {
            Some(after) => (true, after),
            None => (false, after),
        };
        if braced && after.is_empty() {
            return Err(Problem::VariableName);
        }
        let length = after.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        let (name, mut after) = after.split_at(length);
        if braced {
            let Some(closed) = after.strip_prefix(b"}") else {
                return Err(Problem::VariableBracket { name: String::from_utf8_lossy(name).into_owned() });
            };
            after = closed;
        }
        if name.is_empty() {
            return Err(Problem::VariableName);
        }
        // `${1}` is no capture: nginx looks for a variable of the name `1` and does not find one.
        parts.push(Part::Variable(name));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// Whether a value has to be put together for each request: nginx counts `$` bytes.
pub(crate) fn has_variables(value: &[u8]) -> bool {
    value.contains(&b'$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_as_nginx_cuts_them() {
        use Part::{Capture, Text, Variable};
        let rows: &[(&str, &[Part<'_>])] = &[
            ("plain", &[Text(b"plain")]),
            ("http://$host:80", &[Text(b"http://"), Variable(b"host"), Text(b":80")]),
            ("127.0.0.2:${p}90/", &[Text(b"127.0.0.2:"), Variable(b"p"), Text(b"90/")]),
            ("$p90/", &[Variable(b"p90"), Text(b"/")]),
            ("$10", &[Capture(1), Text(b"0")]),
            ("${1}0", &[Variable(b"1"), Text(b"0")]),
            ("$a$b", &[Variable(b"a"), Variable(b"b")]),
            ("\\$a", &[Text(b"\\"), Variable(b"a")]),
        ];
        for (value, expected) in rows {
            assert_eq!(parts(value.as_bytes()).as_deref(), Ok(*expected), "{value}");
        }
        assert_eq!(parts(b"a$"), Err(Problem::VariableName));
        assert_eq!(parts(b"a$-"), Err(Problem::VariableName));
        assert_eq!(parts(b"a${"), Err(Problem::VariableName));
        assert_eq!(parts(b"${a"), Err(Problem::VariableBracket { name: "a".to_owned() }));
    }
}
