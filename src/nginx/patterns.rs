//! The regular expressions of a configuration, compiled as nginx compiles them: by PCRE2.

use pcre2::bytes::RegexBuilder;

use super::error::Problem;
use super::handlers::{condition_words, refused};
use super::tree::Directive;
use super::walk::text;

/// The regular expressions of a directive, in their order. Those of `map` stand in its block, see [`map_key`].
pub(crate) fn of(directive: Directive<'_>, name: &[u8]) -> Vec<Vec<u8>> {
    let argument = |index| directive.argument(index).unwrap_or_default().into_owned();
    let marked = |word: &[u8]| Some(word.strip_prefix(b"~*").or_else(|| word.strip_prefix(b"~"))?.to_vec());
    match name {
        // A modifier of its own, or in front of the path (`ngx_http_core_location`).
        b"location" => match (marked(&argument(0)), directive.argument(1)) {
            (Some(_), Some(regex)) => vec![regex.into_owned()],
            (Some(regex), None) => vec![regex],
            (None, _) => Vec::new(),
        },
        // An empty replacement is refused before (`ngx_http_rewrite`).
        b"rewrite" if argument(1).is_empty() => Vec::new(),
        b"rewrite" | b"fastcgi_split_path_info" => vec![argument(0)],
        b"if" => match condition_words(directive).as_deref() {
            Ok([_, operator, regex]) if matches!(operator.as_slice(), b"~" | b"~*" | b"!~" | b"!~*") => {
                vec![regex.clone()]
            }
            _ => Vec::new(),
        },
        // Case is not for the mark to say here: names are compared without it (`ngx_http_core_server_name`).
        b"server_name" | b"valid_referers" => {
            directive.arguments().filter_map(|word| Some(word.strip_prefix(b"~")?.to_vec())).collect()
        }
        b"proxy_redirect" | b"proxy_cookie_domain" | b"proxy_cookie_path" => marked(&argument(0)).into_iter().collect(),
        b"gzip_disable" => directive.arguments().map(std::borrow::Cow::into_owned).collect(),
        _ => Vec::new(),
    }
}

/// The regular expression of an entry of `map` (`ngx_http_map`).
pub(crate) fn map_key(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(b"~*").or_else(|| key.strip_prefix(b"~"))
}

/// Judges a regular expression as its directive does; the names of its captures, of which nginx makes variables.
pub(crate) fn captures(regex: &[u8], name: &[u8]) -> Result<Vec<String>, Problem> {
    if name == b"server_name" && regex.is_empty() {
        return Err(refused("empty regex in server name \"~\"".to_owned()));
    }
    // nginx has PCRE2 read bytes. What is no UTF-8 is no syntax either, so any other sign can stand there.
    let compiled = RegexBuilder::new().build(&String::from_utf8_lossy(regex)).map_err(|error| {
        let said = error.to_string();
        let why = said.split_once("at offset ").and_then(|(_, rest)| rest.split_once(": "));
        let why = why.map_or(&*said, |(_, why)| why);
        let rest = error.offset().and_then(|at| regex.get(at..)).filter(|rest| !rest.is_empty());
        let place = rest.map_or_else(String::new, |rest| format!(" at \"{}\"", text(rest)));
        refused(format!("pcre2_compile() failed: {why} in \"{}\"{place}", text(regex)))
    })?;
    // The whole match is the first of them.
    if name == b"fastcgi_split_path_info" && compiled.captures_len() != 3 {
        return Err(refused(format!("pattern \"{}\" must have 2 captures", text(regex))));
    }
    Ok(compiled.capture_names().iter().flatten().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::captures;

    fn names(regex: &[u8]) -> Vec<String> {
        captures(regex, b"location").unwrap()
    }

    #[test]
    fn names_of_captures_are_those_of_the_library() {
        assert_eq!(names(br"^/(?<one>\w+)/(?P<two>.)(?'three'x)(y)(?:z)\(?<not>"), ["one", "two", "three"]);
        assert_eq!(names(b"[(?<not>]"), [""; 0]);
        assert_eq!(names(b"\xff(?<a>.)"), ["a"]);
    }

    #[test]
    fn what_does_not_compile_is_refused_in_the_words_of_nginx() {
        let said = |regex: &[u8]| captures(regex, b"rewrite").unwrap_err().to_string();
        assert_eq!(said(b"("), "pcre2_compile() failed: missing closing parenthesis in \"(\"");
        assert_eq!(said(b"a)b"), "pcre2_compile() failed: unmatched closing parenthesis in \"a)b\" at \")b\"");
    }
}
