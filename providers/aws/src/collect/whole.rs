//! Answers that are cut short are errors.
//!
//! The SDK takes broken XML for its end: of an answer that stops in the middle it returns the records before, and
//! no error. What is missing would then be taken for not there.

use aws_sdk_ec2::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use xmlparser::{ElementEnd, Token, Tokenizer};

/// Refuses answers that are not whole XML documents.
#[derive(Debug)]
pub(super) struct WholeAnswers;

impl Intercept for WholeAnswers {
    fn name(&self) -> &'static str {
        "WholeAnswers"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // An answer that is an error already stays the error that it is.
        if context.output_or_error().is_err() {
            return Ok(());
        }
        match context.response().body().bytes().map(std::str::from_utf8) {
            Some(Ok(text)) if is_whole(text) => Ok(()),
            _ => Err("the answer is cut short".into()),
        }
    }
}

/// Whether a text is one XML element with everything closed. The tokens are cut by the library that the SDK reads
/// them with, so what is whole here is whole there.
fn is_whole(text: &str) -> bool {
    let mut open = Vec::new();
    let mut done = false;
    for token in Tokenizer::from(text) {
        match token {
            Ok(Token::ElementStart { prefix, local, .. }) => open.push((prefix.as_str(), local.as_str())),
            Ok(Token::ElementEnd { end: ElementEnd::Empty, .. }) => {
                open.pop();
                done = open.is_empty();
            }
            Ok(Token::ElementEnd { end: ElementEnd::Close(prefix, local), .. }) => {
                if open.pop() != Some((prefix.as_str(), local.as_str())) {
                    return false;
                }
                done = open.is_empty();
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn only_what_is_closed_is_whole() {
        let text = "<?xml version=\"1.0\"?>\n<a xmlns=\"x\"><b>1</b><c/><b>&lt;</b></a>\n";
        assert!(is_whole(text));
        let start = text.find("<a").unwrap() + 1;
        let end = text.rfind('>').unwrap();
        for cut in start..=end {
            assert!(!is_whole(&text[..cut]), "{}", &text[..cut]);
        }
        assert!(!is_whole(""));
        assert!(!is_whole("<a><b></a></b>"));
        assert!(!is_whole("<a></a><b>"));
    }
}
