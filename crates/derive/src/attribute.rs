//! Reads `#[close(..)]`: a code and a reason, or where they come from.
//!
//! Everything that can be wrong with an attribute is an error at the place where it is written: a code that may not be
//! sent, a reason that does not fit into a frame, two codes. What compiles can therefore be sent as it is, and the
//! macro's output needs no check at run time.

use proc_macro2::{Literal, TokenStream, TokenTree};
use syn::{Attribute, Error, Ident, LitInt, LitStr, Meta, Path, Result, meta::ParseNestedMeta, spanned::Spanned};

/// The most bytes a close reason may have (RFC 6455, section 5.5).
const MAX_REASON: usize = 123;

/// The constants of `CloseCode` in lower case, except `mandatory_extension`, which only clients send, and
/// `bad_gateway`, which most libraries refuse to receive.
const NAMES: [(&str, u16); 13] = [
    ("normal", 1000),
    ("going_away", 1001),
    ("protocol_error", 1002),
    ("unsupported_data", 1003),
    ("invalid_payload", 1007),
    ("policy_violation", 1008),
    ("message_too_big", 1009),
    ("internal_error", 1011),
    ("service_restart", 1012),
    ("try_again_later", 1013),
    ("unauthorized", 3000),
    ("forbidden", 3003),
    ("timeout", 3008),
];

/// What a variant, or a struct, means.
pub(crate) enum Close {
    /// Nothing was said.
    Internal,
    Transparent,
    Code(u16, Reason),
}

pub(crate) enum Reason {
    None,
    Text(String),
    Display,
}

/// What was said, before it is known whether it fits together.
#[derive(Default)]
struct Said {
    code: Option<u16>,
    reason: Option<Reason>,
    transparent: bool,
}

/// Reads the attributes of a variant, or of a struct.
pub(crate) fn read(attributes: &[Attribute]) -> Result<Close> {
    let mut attributes = attributes.iter().filter(|attribute| attribute.path().is_ident("close"));
    let Some(attribute) = attributes.next() else { return Ok(Close::Internal) };
    if let Some(second) = attributes.next() {
        return Err(Error::new_spanned(second, "one `#[close(..)]` says it all"));
    }
    if let Meta::List(list) = &attribute.meta
        && let Some(literal) = bare(&list.tokens)
    {
        return Err(nameless(&literal));
    }
    let mut said = Said::default();
    attribute.parse_nested_meta(|meta| said.add(&meta))?;
    said.together(attribute)
}

impl Said {
    fn add(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let Some(name) = meta.path.get_ident() else { return Err(unknown(&meta.path)) };
        match name.to_string().as_str() {
            "code" => {
                let literal: LitInt = meta.value()?.parse()?;
                self.set_code(code(&literal)?, literal.span())
            }
            "reason" => {
                let literal: LitStr = meta.value()?.parse()?;
                self.set_reason(Reason::Text(reason(&literal)?), name)
            }
            "display" => self.set_reason(Reason::Display, name),
            "transparent" => {
                self.transparent = true;
                Ok(())
            }
            name => match NAMES.iter().find(|(known, _)| *known == name) {
                Some((_, code)) => self.set_code(*code, meta.path.span()),
                None => Err(unknown(&meta.path)),
            },
        }
    }

    fn set_code(&mut self, code: u16, span: proc_macro2::Span) -> Result<()> {
        match self.code.replace(code) {
            None => Ok(()),
            Some(_) => Err(Error::new(span, "a connection closes with one code")),
        }
    }

    fn set_reason(&mut self, reason: Reason, name: &Ident) -> Result<()> {
        match self.reason.replace(reason) {
            None => Ok(()),
            Some(_) => Err(Error::new(name.span(), "a connection closes with one reason: `reason` or `display`")),
        }
    }

    fn together(self, attribute: &Attribute) -> Result<Close> {
        match (self.code, self.reason, self.transparent) {
            (Some(code), reason, false) => Ok(Close::Code(code, reason.unwrap_or(Reason::None))),
            (None, None, true) => Ok(Close::Transparent),
            (_, _, true) => Err(Error::new_spanned(attribute, "`transparent` stands alone: the field says the rest")),
            (None, Some(_), false) => {
                Err(Error::new_spanned(attribute, "a reason needs a code: `code = 4404`, or a name"))
            }
            (None, None, false) => {
                Err(Error::new_spanned(attribute, "say how it closes: `code = 4404`, a name, or `transparent`"))
            }
        }
    }
}

/// The first argument that is a literal without a name.
fn bare(arguments: &TokenStream) -> Option<Literal> {
    let mut begins = true;
    for token in arguments.clone() {
        let began = std::mem::replace(&mut begins, matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ','));
        if let (true, TokenTree::Literal(literal)) = (began, token) {
            return Some(literal);
        }
    }
    None
}

fn nameless(literal: &Literal) -> Error {
    let text = literal.to_string();
    let name = if text.starts_with(|first: char| first.is_ascii_digit()) { "code" } else { "reason" };
    Error::new(literal.span(), format!("a value needs a name here: `{name} = {text}`"))
}

fn unknown(path: &Path) -> Error {
    let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    let names = names.join("`, `");
    Error::new_spanned(
        path,
        format!("expected `code`, `reason`, `display`, `transparent`, or a code's name: `{names}`"),
    )
}

fn code(literal: &LitInt) -> Result<u16> {
    let code: u64 = literal.base10_parse()?;
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => literal.base10_parse(),
        1005 | 1006 | 1015 => Err(Error::new(
            literal.span(),
            format!("{code} is never sent: it tells an application what its library saw"),
        )),
        _ => Err(Error::new(literal.span(), format!("{code} may not be sent: use 1000-1003, 1007-1014, or 3000-4999"))),
    }
}

fn reason(literal: &LitStr) -> Result<String> {
    let reason = literal.value();
    if reason.len() <= MAX_REASON {
        return Ok(reason);
    }
    Err(Error::new(
        literal.span(),
        format!("a close reason has at most {MAX_REASON} bytes, and this has {}", reason.len()),
    ))
}
