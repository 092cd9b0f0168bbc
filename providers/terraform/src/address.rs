//! Addresses of resources and references to them: `module.net["a"].aws_subnet.app[0]`.

/// A name with its instance key: `module.net["a"]`, `aws_subnet.app[0]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// `module.net`, `aws_subnet.app`, `data.aws_vpc.main`.
    pub(crate) name: String,
    /// The key as it is written, with its quotes.
    pub(crate) key: Option<String>,
}

/// An address in pieces: names, and keys in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Name(&'t str),
    Key(&'t str),
}

/// Splits at dots and brackets outside of quotes.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let end = key_end(inside);
            found.extend(inside.get(..end).map(Piece::Key));
            rest = inside.get(end + 1..).unwrap_or_default();
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            found.extend(rest.get(..end).filter(|name| !name.is_empty()).map(Piece::Name));
            rest = rest.get(end..).unwrap_or_default();
        }
    }
    found
}

/// Where the bracket closes that is open at the start.
fn key_end(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// The modules and the resource of an address.
pub(crate) fn steps(address: &str) -> Vec<Step> {
    let mut found: Vec<Step> = Vec::new();
    let mut pieces = pieces(address).into_iter();
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Key(key) => {
                if let Some(last) = found.last_mut() {
                    last.key = Some(key.to_owned());
                }
            }
            Piece::Name(first) => {
                let mut name = first.to_owned();
                for _ in 0..if first == "data" { 2 } else { 1 } {
                    if let Some(Piece::Name(next)) = pieces.next() {
                        name.push('.');
                        name.push_str(next);
                    }
                }
                found.push(Step { name, key: None });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Piece, Step, pieces, steps};

    fn step(name: &str, key: Option<&str>) -> Step {
        Step { name: name.to_owned(), key: key.map(str::to_owned) }
    }

    #[test]
    fn an_address_is_split_at_dots_outside_of_keys() {
        assert_eq!(
            steps(r#"module.net["a.b]\"c"].module.x[0].aws_subnet.app["k"]"#),
            [
                step("module.net", Some(r#""a.b]\"c""#)),
                step("module.x", Some("0")),
                step("aws_subnet.app", Some("\"k\""))
            ]
        );
        assert_eq!(steps("data.aws_vpc.main"), [step("data.aws_vpc.main", None)]);
        assert_eq!(
            pieces("aws_a.b[0].id"),
            [Piece::Name("aws_a"), Piece::Name("b"), Piece::Key("0"), Piece::Name("id")]
        );
    }

    #[test]
    fn what_is_no_address_does_no_harm() {
        for text in ["", ".", "[", "]", "a[", "a[\"", "..a..", "a[\"\\", "module", "data.x", "é[ü"] {
            let _ = (steps(text), pieces(text));
        }
    }
}
