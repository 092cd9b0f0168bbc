//! Just enough about regular expressions to see which captures cannot end a host.

/// The numbers of captures that hold nothing but letters, digits, `_`, `-` and dots, so that a host made from them keeps
/// the port that is written behind it.
pub(crate) fn host_only_captures(regex: &[u8]) -> Vec<u8> {
    let mut safe = Vec::new();
    // An alternative outside of the groups changes nothing about what a group can hold.
    let mut open: Vec<Option<(u8, usize)>> = Vec::new();
    let mut number = 0_u8;
    let mut at = 0;
    while let Some(byte) = regex.get(at) {
        match byte {
            b'\\' => at += 1,
            b'[' => at = end_of_set(regex, at),
            b'(' => {
                let rest = regex.get(at + 1..).unwrap_or_default();
                let named = [b"?<".as_slice(), b"?P<", b"?'"].iter().any(|start| rest.starts_with(start))
                    && !rest.starts_with(b"?<=")
                    && !rest.starts_with(b"?<!");
                if rest.starts_with(b"?") && !named {
                    open.push(None);
                } else {
                    number = number.saturating_add(1);
                    let name = if named {
                        rest.iter().skip(3).position(|byte| matches!(byte, b'>' | b'\'')).map_or(0, |end| end + 4)
                    } else {
                        0
                    };
                    open.push(Some((number, at + 1 + name)));
                }
            }
            b')' => {
                if let Some(Some((number, start))) = open.pop()
                    // There are no other names for more.
                    && number <= 9
                    && is_host_only(regex.get(start..at).unwrap_or_default())
                {
                    safe.push(number);
                }
            }
            _ => {}
        }
        at += 1;
    }
    safe
}

/// The offset of the `]` of a set that starts here.
fn end_of_set(regex: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    if regex.get(at) == Some(&b'^') {
        at += 1;
    }
    // A `]` that comes first is part of the set.
    at += 1;
    while let Some(byte) = regex.get(at) {
        match byte {
            b']' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// Whether an expression without anything clever in it matches only what can be part of a host name.
fn is_host_only(expression: &[u8]) -> bool {
    let mut at = 0;
    while let Some(byte) = expression.get(at) {
        match byte {
            b'\\' => {
                at += 1;
                if !matches!(expression.get(at), Some(b'w' | b'd' | b'.' | b'-')) {
                    return false;
                }
            }
            b'[' => {
                let end = end_of_set(expression, at);
                let items = expression.get(at + 1..end).unwrap_or_default();
                if !set_is_host_only(items) {
                    return false;
                }
                at = end;
            }
            b'+' | b'*' | b'?' | b'{' | b'}' | b',' | b'|' | b'-' | b'_' | b'(' | b')' => {
                // A group inside may be of a special kind, which the question mark shows.
                if *byte == b'(' && expression.get(at + 1) == Some(&b'?') {
                    return false;
                }
            }
            byte if byte.is_ascii_alphanumeric() => {}
            _ => return false,
        }
        at += 1;
    }
    true
}

fn set_is_host_only(items: &[u8]) -> bool {
    let mut at = 0;
    while let Some(byte) = items.get(at) {
        match byte {
            b'\\' => {
                at += 1;
                if !matches!(items.get(at), Some(b'w' | b'd' | b'.' | b'-')) {
                    return false;
                }
            }
            b'.' | b'_' => {}
            b'-' => {
                // A range between other characters than letters and digits can hold anything.
                let neighbour = |at: Option<usize>| {
                    at.and_then(|at| items.get(at)).is_some_and(|byte| !byte.is_ascii_alphanumeric())
                };
                if (neighbour(at.checked_sub(1)) && at + 1 < items.len()) && neighbour(Some(at + 1)) {
                    return false;
                }
            }
            byte if byte.is_ascii_alphanumeric() => {}
            _ => return false,
        }
        at += 1;
    }
    // `[A-z]` and `[0-Z]` take in punctuation, among it `:` and `?` but never `/`.
    !items.windows(3).any(|range| match range {
        [from, b'-', to] => {
            let class = |byte: &u8| (byte.is_ascii_digit(), byte.is_ascii_lowercase());
            from.is_ascii_alphanumeric() != to.is_ascii_alphanumeric() || class(from) != class(to)
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_judged_by_what_they_can_hold() {
        for (regex, expected) in [
            (r"^/svc/(\w+)/(\d+)$", vec![1, 2]),
            (r"^/p(.*)$", vec![]),
            (r"^/([a-z0-9-]+)/(.*)$", vec![1]),
            (r"^/([^/]+)/", vec![]),
            (r"^/(?<name>[\w.-]+)/(?:x|y)(z)", vec![1, 2]),
            (r"^/([\w/]+)", vec![]),
            (r"^/((a|b)-(\d+))", vec![2, 3, 1]),
            (r"^/([A-z]+)", vec![]),
            (r"^/(\S+)", vec![]),
            (r"(?i)(x)", vec![1]),
        ] {
            assert_eq!(host_only_captures(regex.as_bytes()), expected, "{regex}");
        }
    }
}
