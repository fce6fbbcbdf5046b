//! The entries of a list, and the list that can be replaced while the server runs.

use std::sync::{Arc, PoisonError, RwLock};

use crate::origin::{FILE, InvalidOrigin, Origin};

/// An exact origin, or all subdomains of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    Exact(Origin),
    Subdomains(Origin),
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let fail = |why| InvalidOrigin::new(text.as_bytes(), why);
        if text == "null" {
            return Err(fail("`null` is allowed with `allow_null`"));
        }
        if text == FILE {
            return Err(fail("`file://` is allowed with `allow_file`"));
        }
        if text == "*" {
            return Err(fail("all origins are allowed with `OriginLayer::danger_any`"));
        }
        let Some((scheme, apex)) = text.split_once("://*.") else {
            if text.contains('*') {
                return Err(fail("a wildcard is one whole label at the front, as in https://*.example.com"));
            }
            let exact = Origin::parse(text)?;
            is_of_pages(&exact).map_err(fail)?;
            return Ok(Self::Exact(exact));
        };
        let apex = Origin::parse(&format!("{scheme}://{apex}")).map_err(|error| fail(error.why()))?;
        is_of_pages(&apex).map_err(fail)?;
        let host = apex.host().trim_end_matches('.');
        if host.starts_with('[')
            || host.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err(fail("an address has no subdomains"));
        }
        // Only this machine can have a name below `localhost` (RFC 6761, section 6.3).
        if !host.contains('.') && host != "localhost" {
            return Err(fail("a wildcard needs a domain of two labels at least"));
        }
        Ok(Self::Subdomains(apex))
    }

    pub(crate) fn matches(&self, origin: &Origin) -> bool {
        match self {
            Self::Exact(exact) => exact == origin,
            Self::Subdomains(apex) => {
                let above = origin.host().strip_suffix(apex.host()).and_then(|rest| rest.strip_suffix('.'));
                let labels = above.is_some_and(|labels| !labels.is_empty());
                labels && apex.scheme() == origin.scheme() && apex.port() == origin.port()
            }
        }
    }
}

/// The origin of a page names the scheme of the page, and never that of the socket.
fn is_of_pages(origin: &Origin) -> Result<(), &'static str> {
    match origin.scheme() {
        "ws" => Err("an origin has the scheme of the page, which is `http` where the socket's is `ws`"),
        "wss" => Err("an origin has the scheme of the page, which is `https` where the socket's is `wss`"),
        _ => Ok(()),
    }
}

/// A list of origins that can be replaced while the server runs. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Origins(Arc<RwLock<Arc<[Pattern]>>>);

impl Origins {
    /// Creates a list of exact origins and of entries such as `https://*.example.com`.
    ///
    /// # Errors
    ///
    /// Returns the first invalid entry and what is wrong with it.
    pub fn new(origins: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, InvalidOrigin> {
        let list = Self::default();
        list.replace(origins)?;
        Ok(list)
    }

    /// Replaces the list for all clones. A handshake that is being checked meanwhile sees either the old list or the
    /// new one. Connections that are open already are not affected.
    ///
    /// # Errors
    ///
    /// Returns the first invalid entry; the list then stays as it was.
    ///
    /// ```
    /// use portcullis_origin::Origins;
    ///
    /// let origins = Origins::new(["https://app.example.com"])?;
    /// assert!(origins.replace(["app.example.com"]).is_err());
    /// origins.replace(["https://app.example.com", "https://beta.example.com"])?;
    /// # Ok::<_, portcullis_origin::InvalidOrigin>(())
    /// ```
    pub fn replace(&self, origins: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), InvalidOrigin> {
        let patterns: Result<_, _> = origins.into_iter().map(|origin| Pattern::parse(origin.as_ref())).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = patterns?;
        Ok(())
    }

    pub(crate) fn allow(&self, origin: &Origin) -> bool {
        self.patterns().iter().any(|pattern| pattern.matches(origin))
    }

    /// Whether an exact origin is listed that is written like this: what most clients of most servers send.
    pub(crate) fn allow_as_written(&self, text: &str) -> bool {
        self.patterns().iter().any(|pattern| matches!(pattern, Pattern::Exact(exact) if exact.is_written(text)))
    }

    fn patterns(&self) -> Arc<[Pattern]> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
