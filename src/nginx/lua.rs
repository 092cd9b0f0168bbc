//! Where a `*_by_lua_block { … }` ends.
//!
//! lua-nginx-module reads such a block itself (`ngx_http_lua_conf_lua_block_parse`): braces count, except in Lua's
//! comments, quoted strings and long brackets. `#` is Lua's length operator there, and `$` means nothing.

/// Whether a directive of this name holds Lua between its braces.
pub(crate) fn is_lua_block(name: &[u8]) -> bool {
    name.ends_with(b"_by_lua_block")
}

/// The offset of the `}` that closes a block whose `{` ends just before `from`, and how many lines lie between.
pub(crate) fn end_of_block(source: &[u8], from: usize) -> Option<(usize, u32)> {
    let mut at = from;
    let mut depth = 1_usize;
    let mut strings = Strings::default();
    while let Some(byte) = source.get(at) {
        at = match byte {
            b'{' => {
                depth += 1;
                at + 1
            }
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some((at, lines(source, from, at)));
                }
                at + 1
            }
            b'"' | b'\'' => strings.end(source, at),
            b'-' if source.get(at + 1) == Some(&b'-') => end_of_comment(source, at)?,
            b'[' => match long_bracket(source, at) {
                Some(level) => end_of_long_bracket(source, at, level)?,
                None => at + 1,
            },
            _ => at + 1,
        };
    }
    None
}

/// Finds the ends of quoted strings, each byte at most once for each kind of quote.
#[derive(Default)]
struct Strings {
    /// Up to where no string of `"`, and none of `'`, ends.
    open_until: [usize; 2],
}

impl Strings {
    /// Just after the closing quote, or just after the opening one where the line ends first.
    fn end(&mut self, source: &[u8], open: usize) -> usize {
        let quote = source.get(open);
        let [double, single] = &mut self.open_until;
        let open_until = if quote == Some(&b'"') { double } else { single };
        // A search that found no end here has passed this quote behind a backslash, and a new one would go the same way.
        if open < *open_until {
            return open + 1;
        }
        let mut at = open + 1;
        loop {
            match source.get(at) {
                None | Some(b'\n') => {
                    *open_until = at;
                    return open + 1;
                }
                Some(b'\\') => at += 2,
                byte if byte == quote => return at + 1,
                Some(_) => at += 1,
            }
        }
    }
}

fn end_of_comment(source: &[u8], dashes: usize) -> Option<usize> {
    let text = dashes + 2;
    if let Some(level) = long_bracket(source, text) {
        return end_of_long_bracket(source, text, level);
    }
    let rest = source.get(text..)?;
    Some(rest.iter().position(|byte| *byte == b'\n').map_or(source.len(), |length| text + length))
}

/// The number of `=` in a long bracket `[==[` that opens here.
fn long_bracket(source: &[u8], at: usize) -> Option<usize> {
    let rest = source.get(at..)?.strip_prefix(b"[")?;
    let level = rest.iter().take_while(|byte| **byte == b'=').count();
    (rest.get(level) == Some(&b'[')).then_some(level)
}

fn end_of_long_bracket(source: &[u8], open: usize, level: usize) -> Option<usize> {
    let mut close = vec![b'='; level + 2];
    for end in [0, level + 1] {
        *close.get_mut(end)? = b']';
    }
    let text = open + level + 2;
    let rest = source.get(text..)?;
    let length = rest.windows(close.len()).position(|window| window == close)?;
    Some(text + length + close.len())
}

pub(crate) fn lines(source: &[u8], from: usize, to: usize) -> u32 {
    let between = source.get(from..to).unwrap_or_default();
    super::lexer::narrow(between.iter().filter(|byte| **byte == b'\n').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_brace_is_found_past_lua_text() {
        for lua in [
            " ngx.say('hi') ",
            " -- } proxy_pass http://127.0.0.9:9;\n ngx.say(\"}\") ",
            " local a=[==[ ]] } proxy_pass x; ]==] ",
            " --[[ } ]] local t = {1, {2}} ",
            " --[=[ }\n]] } ]=] ",
            " local n = #t; if a then b = '\\'}' end ",
            " local s = \"\\\"}\" ",
            " -- it's\n local t = {} ",
            "",
        ] {
            let source = format!("{{{lua}}} rest }}");
            let found = end_of_block(source.as_bytes(), 1);
            let lines = u32::try_from(lua.matches('\n').count()).unwrap();
            assert_eq!(found, Some((lua.len() + 1, lines)), "{lua}");
        }
        assert_eq!(end_of_block(b"{ [[ } ", 1), None);
        assert_eq!(end_of_block(b"{ { } ", 1), None);
    }
}
